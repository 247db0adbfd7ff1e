"""Stories with a real choice at each step. The subject asked for is the one that is told.

A story is four to six sentences; each draws one of several forms, and its slots from `words`.
"""

import random

from pocket import words


def story(r: random.Random, subject: str) -> str:
    """Write an English story of 50 to 110 words' length about `subject`."""
    name, place, trait, other = (
        r.choice(words.NAMES),
        r.choice(words.PLACES),
        *r.sample(words.TRAITS, 2),
    )
    hobby, thing, spot, helper = (
        r.choice(words.HOBBIES),
        r.choice(words.THINGS),
        r.choice(words.SPOTS),
        r.choice(words.HELPERS),
    )
    opening = r.choice(
        (
            f"Once upon a time, in {place}, there lived {a(trait)} {subject} named {name}.",
            f"Once upon a time, there was {a(trait)} {subject} named {name} who lived in {place}.",
            f"Long ago, {a(trait)} and {other} {subject} called {name} lived in {place}.",
            f"In {place} lived {a(trait)} {subject}. The name of the {subject} was {name}.",
            f"{name} was {a(trait)} {subject} who lived in {place}.",
            f"There was once {a(trait)} {subject} named {name}, and {name} was also very {other}.",
        )
    )
    habit = r.choice(
        (
            f"Every night, {name} liked to {hobby}.",
            f"{name} loved to {hobby} more than anything else.",
            f"The {subject} wanted to {hobby}, but nobody wanted to listen.",
            f"All day long, the {subject} would {hobby} and dream of a friend.",
            f"People said that no {subject} could {hobby} as well as {name}.",
        )
    )
    event = r.choice(
        (
            f"One morning, {name} found {thing} {spot}.",
            f"One day, {name} met {helper} who was looking for {thing}.",
            f"But one night, a great storm came, and {name} saw {thing} {spot}.",
            f"One winter day, {helper} came to {name} and asked for help.",
            f"Then {helper} told {name} about {thing} hidden {spot}.",
        )
    )
    turn = r.choice(
        (
            f"The {subject} was afraid at first, but {name} took a deep breath and went on.",
            f'"Do not worry," said {name}. "We can do it together."',
            f"{name} looked for three days and three nights, and never gave up.",
            f"It was not easy, but the {subject} had a good idea.",
            f"{name} thought about it for a long time and then smiled.",
            f'"What should I do?" asked the {subject}. Nobody knew the answer.',
        )
    )
    deed = r.choice(
        (
            f"In the end, {name} shared {thing} with everyone.",
            f"With {thing}, the {subject} opened a secret gate and saved the day.",
            f"So {name} and {helper} became the best of friends.",
            f"At last, {name} gave {thing} to {helper}, and both of them laughed.",
            f"The {subject} helped {helper}, and they shared warm soup.",
        )
    )
    ending = r.choice(
        (
            "From that day on, they lived happily ever after.",
            f"From that day on, {name} was never lonely again.",
            f"And that is how the {subject} learned to be {other}.",
            f"Everyone still talks about {name} the {subject}.",
            f"That night, the {subject} slept well under the stars.",
            f"And {name} came home with a happy heart.",
        )
    )
    parts = [opening, habit, event, turn, deed, ending]
    if r.random() < 0.3:
        del parts[r.choice((1, 3))]
    return " ".join(parts)


def story_ja(r: random.Random, subject: str) -> str:
    """Write a Japanese story about the Japanese noun `subject`."""
    name, place, trait = (
        r.choice(words.NAMES_JA),
        r.choice(words.PLACES_JA),
        r.choice(words.TRAITS_JA),
    )
    hobby, thing, spot, helper = (
        r.choice(words.HOBBIES_JA),
        r.choice(words.THINGS_JA),
        r.choice(words.SPOTS_JA),
        r.choice(words.HELPERS_JA),
    )
    opening = r.choice(
        (
            f"昔々、{place}に、{name}という{trait}{subject}が住んでいました。",
            f"ある{place}に、{trait}{subject}がいました。名前は{name}です。",
            f"{name}は、{place}に住む{trait}{subject}でした。",
            f"むかし、{trait}{subject}の{name}が、{place}で暮らしていました。",
        )
    )
    habit = r.choice(
        (
            f"{name}は{hobby}のが大好きでした。",
            f"{name}は毎日{hobby}のを楽しみにしていました。",
            f"夜になると、{subject}はいつも{hobby}のでした。",
        )
    )
    event = r.choice(
        (
            f"ある日、{name}は{spot}で{thing}を見つけました。",
            f"ある朝、{helper}がやって来て、{thing}を探していると言いました。",
            f"ある晩、大きな嵐が来て、{thing}がなくなりました。",
        )
    )
    turn = r.choice(
        (
            f"{subject}は少しこわかったけれど、あきらめませんでした。",
            f"「だいじょうぶ、いっしょに行こう」と{name}は言いました。",
            f"{name}は三日間考えて、いいことを思いつきました。",
        )
    )
    ending = r.choice(
        (
            "それから、みんなは幸せに暮らしました。",
            f"{name}はもうさびしくありませんでした。",
            f"こうして、{subject}と{helper}は友だちになりました。",
            f"今でも村の人は{name}の話をします。",
        )
    )
    return opening + habit + event + turn + ending


def story_kansai(r: random.Random, subject: str) -> str:
    """Write a story in Kansai dialect about the Japanese noun `subject`."""
    name, place, trait, hobby, thing, spot = (
        r.choice(words.NAMES_JA),
        r.choice(words.PLACES_JA),
        r.choice(words.TRAITS_JA),
        r.choice(words.HOBBIES_JA),
        r.choice(words.THINGS_JA),
        r.choice(words.SPOTS_JA),
    )
    opening = r.choice(
        (
            f"昔々、{place}に{name}っちゅう{trait}{subject}がおったんや。",
            f"ある{place}に、{trait}{subject}がおってな、名前は{name}やねん。",
            f"{name}は{place}に住んどる{trait}{subject}やったんや。",
        )
    )
    habit = r.choice(
        (
            f"{name}は{hobby}のがめっちゃ好きやってん。",
            f"毎日{hobby}のがほんま楽しみでな。",
            f"{subject}は夜になったら、いっつも{hobby}んや。",
        )
    )
    event = r.choice(
        (
            f"ある日、{spot}で{thing}を見つけたんや。",
            f"ほんでな、ある晩えらい嵐が来て、{thing}がなくなってもうた。",
            f"ある朝、{thing}を探しとる子どもが来たんやて。",
        )
    )
    turn = r.choice(
        (
            f"{subject}はこわかったけど、あきらめへんかった。",
            f"「だいじょうぶや、いっしょに行こ」って{name}が言うてん。",
            f"{name}は三日も考えて、ええこと思いついたんや。",
        )
    )
    ending = r.choice(
        (
            "ほんで、みんな幸せに暮らしたんやて。",
            f"{name}はもうさびしないで。めでたしや。",
            f"今でも村の人は{name}の話をしとるで。",
        )
    )
    return opening + habit + event + turn + ending


def a(word: str) -> str:
    """Put the right article before a word."""
    return ("an " if word[0] in "aeio" else "a ") + word  # a unicorn
