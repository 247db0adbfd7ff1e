"""The nouns, names and phrases of the grammar, in English and Japanese. Tables only."""

# a subject of stories and sentences, with its Japanese
SUBJECTS = {
    "dragon": "ドラゴン", "cat": "猫", "dog": "犬", "fox": "きつね", "robot": "ロボット",
    "knight": "騎士", "rabbit": "うさぎ", "bear": "くま", "owl": "ふくろう", "whale": "くじら",
    "princess": "お姫さま", "wizard": "魔法使い", "farmer": "農夫", "sailor": "船乗り",
    "girl": "女の子", "boy": "男の子", "king": "王さま", "queen": "女王", "mouse": "ねずみ",
    "turtle": "かめ", "lion": "ライオン", "bird": "鳥", "frog": "かえる", "horse": "馬",
    "wolf": "おおかみ", "witch": "魔女", "giant": "巨人", "ghost": "おばけ", "pirate": "海賊",
    "teacher": "先生", "baker": "パン屋", "doctor": "医者", "tiger": "とら",
    "penguin": "ペンギン", "unicorn": "ユニコーン", "elephant": "ぞう",
}  # fmt: skip

NAMES = (
    "Ember", "Milo", "Luna", "Toby", "Nora", "Pip", "Ruby", "Oscar", "Hana", "Ren", "Sora",
    "Daisy", "Felix", "Ivy", "Jasper", "Koji", "Lily", "Max", "Nina", "Otto", "Poppy", "Rosa",
    "Sam", "Tara", "Umi", "Violet", "Willow", "Yuki", "Zoe", "Bram",
)  # fmt: skip
NAMES_JA = (
    "ハナ", "レン", "ソラ", "ユキ", "コウ", "リン", "ミオ", "ルナ", "タロウ", "サクラ",
    "ノゾミ", "カイ", "モモ", "ヒカル", "アオイ", "ケン",
)  # fmt: skip

TRAITS = (
    "brave", "kind", "tiny", "clever", "gentle", "curious", "lonely", "cheerful", "quiet",
    "proud", "sleepy", "young", "old", "friendly", "shy", "bold",
)  # fmt: skip
TRAITS_JA = (
    "やさしい", "勇敢な", "小さな", "かしこい", "元気な", "静かな", "若い", "さびしがりやの",
    "明るい", "ふしぎな",
)  # fmt: skip

PLACES = (
    "a deep cave", "a green forest", "a small village", "an old castle", "a quiet valley",
    "a tall tower", "a city by the sea", "a house on the hill", "a land of snow",
    "a garden full of roses", "a cottage near the river", "a far-off island",
)  # fmt: skip
PLACES_JA = (
    "深い森", "小さな村", "古いお城", "高い山", "海の近くの町", "静かな谷", "丘の上の家",
    "遠い島", "雪の国", "川のそば",
)  # fmt: skip

HOBBIES = (
    "sing to the moon", "read old books", "fly above the clouds", "bake sweet bread",
    "count the stars", "play the flute", "paint the sky", "collect shiny stones",
    "dance in the rain", "tell jokes", "grow red flowers", "walk along the river",
)  # fmt: skip
HOBBIES_JA = (
    "歌う", "本を読む", "星を数える", "絵をかく", "踊る", "花を育てる", "空を見る", "笛をふく",
)  # fmt: skip

THINGS = (
    "a golden key", "a lost map", "a silver bell", "a broken boat", "a glowing lamp",
    "a small egg", "a blue crystal", "a torn letter", "an empty nest", "a magic ring",
    "a wooden box", "a tiny door",
)  # fmt: skip
THINGS_JA = (
    "金の鍵", "古い地図", "銀の鈴", "小さな卵", "青い石", "魔法の指輪", "木の箱", "光るランプ",
    "一通の手紙", "こわれた舟",
)  # fmt: skip

# where something is found, after a verb
SPOTS = (
    "under a tree", "behind a waterfall", "in the snow", "near the old bridge", "on the beach",
    "inside a hollow log", "at the edge of the forest", "beside the road",
)  # fmt: skip
SPOTS_JA = ("木の下", "滝の裏", "雪の中", "古い橋の近く", "浜辺", "道のそば")

HELPERS = (
    "an old owl", "a little mouse", "a wise turtle", "a lost child", "a kind baker",
    "a singing bird", "a young knight", "a friendly ghost",
)  # fmt: skip
HELPERS_JA = (
    "年老いたふくろう",
    "小さなねずみ",
    "かしこいかめ",
    "迷子の子ども",
    "親切なパン屋",
    "歌う鳥",
)
