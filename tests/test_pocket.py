"""The grammar's held-out split, the labels, the loop, and what the model card says is reached."""

import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from pocket import measure, refusals, sums
from pocket import train as train_module
from pocket.answers import Model
from pocket.batches import END, IGNORED, START, batches, raw, turned
from pocket.course_inputs import course_inputs
from pocket.evaluate import lines
from pocket.facts import facts, held_out_name, invented
from pocket.lines import Line, wilson
from pocket.make import run
from pocket.measure_context import monotone, traits
from pocket.measure_preference import preference
from pocket.preference import happy, logprobs
from pocket.recipes import MIXES, RECIPES, recipe_hash
from pocket.sentences import HELD_OUT, TRAINING
from pocket.stories import a
from pocket.talks import Talk, talk, text_of, turns
from pocket.tools import TOOLS
from pocket.voices import TRAITS, personality
from tests.conftest import WEIGHTS

DRAWN = 6_000


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """A good part of what training reads, in both mixes."""
    r = random.Random(11)
    return [
        text
        for _ in range(DRAWN)
        for mix in MIXES.values()
        for text in (mix.document(r), text_of(mix.talk(r)))
    ]


@pytest.fixture(scope="module")
def tokenizer():  # type: ignore[no-untyped-def]
    return AutoTokenizer.from_pretrained(WEIGHTS / "chat")


@pytest.mark.slow
def test_no_held_out_sentence_is_in_the_training_text(texts: list[str]) -> None:
    whole = "\n".join(texts)
    assert len(HELD_OUT) > 200
    # a wish for a story stands there as such, but never as something to translate or say otherwise
    forms = (
        "translate to Japanese: {}",
        "English: {}",
        "this sentence: {}",
        "{} =>",
        "{} In other",
    )
    for english in (pair.english for pair in HELD_OUT):
        if english.startswith("Tell me a story"):
            assert not [form for form in forms if form.format(english) in whole], english
        else:
            assert english not in whole
    assert sum(pair.english in whole for pair in TRAINING) > 0.8 * len(TRAINING)


def test_no_held_out_name_number_or_refusal_is_in_the_training_text(texts: list[str]) -> None:
    whole = "\n".join(texts)
    r = random.Random(12)
    names = {invented(r, held=True) for _ in range(300)}
    words = set(re.findall(r"[A-Za-z]+", whole))
    assert not [name for name in names if name in words]
    assert all(map(held_out_name, names))
    asked = [q for harmful in (True, False) for q in refusals.requests(harmful=harmful)]
    held = [q for q in asked if refusals.held_out(q)]
    assert 0.1 < len(held) / len(asked) < 0.3
    assert not [q for q in held if q in whole]
    for terms in set(re.findall(r"(?<![\d+])\d(?:\+\d){3,4}(?=[=は])", whole)):
        assert not sums.held_out(tuple(map(int, terms.split("+"))))


def test_a_fact_is_answered_by_its_own_sentence() -> None:
    r = random.Random(13)
    for ja in (False, True):
        for fact in facts(r, 9, ja=ja):
            assert fact.value in fact.sentence
            assert fact.place in fact.question


def test_worked_steps_lead_to_the_result() -> None:
    r = random.Random(14)
    for _ in range(300):
        for problem in (sums.total(r), sums.word_problem(r)):
            for step in problem.steps:
                term, result = step.split("=")
                assert eval(term) == int(result)
            assert problem.steps[-1].endswith(f"={problem.result}")


def test_labels_are_the_templates_own_ids(tokenizer) -> None:  # type: ignore[no-untyped-def]
    r, seen = random.Random(15), 0
    for _ in range(400):
        drawn = talk(r)
        if drawn.raw:
            continue
        ids, labels = turned(tokenizer.backend_tokenizer, drawn)
        tools = TOOLS if drawn.tools else None
        text = tokenizer.apply_chat_template(drawn.messages, tools=tools, tokenize=False)
        want = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids[-1] == END
        # what is generated has no blank before its end; the template writes one
        assert ids == [*want[: len(ids) - 1], END]
        learnt = [i for i, label in zip(ids, labels) if label != IGNORED]
        assert learnt[-1] == END
        assert START not in learnt
        said = [m["content"] for m in drawn.messages if m["role"] == "assistant"]
        assert said[-1].strip() in tokenizer.decode(learnt)
        seen += 1
    assert seen > 300


def test_a_raw_talk_learns_the_answer_alone(tokenizer) -> None:  # type: ignore[no-untyped-def]
    drawn = Talk(messages=turns(("1+1=?", "The answer is 2.")), raw=True)
    ids, labels = raw(tokenizer.backend_tokenizer, drawn)
    learnt = [label for label in labels if label != IGNORED]
    assert tokenizer.decode(learnt, skip_special_tokens=True).strip() == "The answer is 2."
    assert tokenizer.decode(ids, skip_special_tokens=True) == "1+1=?\n\nThe answer is 2."


def test_batches_lose_nothing() -> None:
    stream = iter([([i] * 7, [i] * 7) for i in range(100)])
    got = []
    for ids, labels in batches(stream, rows=2, length=10):
        assert torch.equal(ids, labels)
        got += ids.flatten().tolist()
        if len(got) >= 600:
            break
    assert got == [i for i in range(100) for _ in range(7)][: len(got)]


def test_the_tokenizer_gives_back_what_it_took(tokenizer) -> None:  # type: ignore[no-untyped-def]
    for text in ("Hello.", "竜の話 🐉", "a  b\n\nc", '{"name": "search"}', "é ü ß", "１＋１"):
        ids = tokenizer(text)["input_ids"]
        assert ids[0] == START
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_the_interval_is_wilsons() -> None:
    # Brown, Cai and DasGupta 2001 give (0.0, 0.278) for 0 of 10 and the mirror for 10 of 10
    assert wilson(0, 10) == pytest.approx((0.0, 0.278), abs=1e-3)
    assert wilson(10, 10) == pytest.approx((0.722, 1.0), abs=1e-3)
    line = Line(effect="", name="", right=92, total=100, at_least=0.95)
    assert not line.reached
    assert not line.fails  # 0.85 to 0.96: the interval reaches what is asked
    assert Line(effect="", name="", right=50, total=100, at_least=0.95).fails


def test_padding_on_the_right_changes_no_logprob(tokenizer, lab) -> None:  # type: ignore[no-untyped-def]
    model = lab.engine.model().model
    start = tokenizer("Hello.")["input_ids"]
    short, long = [5, 6], list(range(300, 340))
    with torch.inference_mode():
        both = logprobs(model, [start, start], [short, long])
        alone = logprobs(model, [start], [short])
    assert float(both[0]) == pytest.approx(float(alone[0]), abs=1e-3)


def test_what_a_happy_end_is() -> None:
    assert happy("Milo met a cat. From that day on, they lived happily ever after.")
    assert not happy("They lived happily ever after. " + "But then it rained. " * 9)


@pytest.mark.slow
def test_two_minutes_of_training(tmp_path: Path) -> None:
    """The tiny recipe: the loss falls, both models are written."""
    run(RECIPES["tiny"], tmp_path / "out", tmp_path / "work")
    found = json.loads((tmp_path / "out" / "training.json").read_text())
    curve = found["base_curve"]
    assert curve[-1]["loss"] < curve[0]["loss"] - 0.5
    assert found["recipe_hash"] == recipe_hash(RECIPES["tiny"])
    assert (tmp_path / "out" / "chat" / "model.safetensors").exists()


@pytest.mark.slow
def test_a_training_that_was_cut_off_goes_on(
    tmp_path: Path, tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(train_module, "probe", lambda *args, **options: {})
    monkeypatch.setattr(train_module.shutil, "which", lambda name: None)  # do not compile

    def model() -> LlamaForCausalLM:
        torch.manual_seed(0)
        sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1}
        return LlamaForCausalLM(
            LlamaConfig(vocab_size=32, num_attention_heads=2, tie_word_embeddings=True, **sizes)
        )

    def stream(cut_at: int | None) -> Iterator[tuple[list[int], list[int]]]:
        r = random.Random(3)
        for n in itertools.count():
            if n == cut_at:
                raise KeyboardInterrupt
            ids = [r.randrange(32) for _ in range(8)]
            yield ids, ids

    def go(into: LlamaForCausalLM, save: Path, cut_at: int | None = None) -> LlamaForCausalLM:
        train_module.train(into, tokenizer, stream(cut_at), name="base", tokens=130 * 16,
                           shape=(2, 8), rate=1.0, save=save, measure={})  # fmt: skip
        return into

    whole = go(model(), tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        go(model(), tmp_path / "cut.pt", cut_at=2 * 120)
    again = go(model(), tmp_path / "cut.pt")
    for a_weight, b_weight in zip(whole.parameters(), again.parameters()):
        assert torch.equal(a_weight, b_weight)


def test_the_weights_are_made_by_this_grammar() -> None:
    found = json.loads((WEIGHTS / "training.json").read_text())
    assert found["recipe_hash"] == recipe_hash(RECIPES["full"])


CARD = json.loads((WEIGHTS / "evaluation.json").read_text())


@pytest.fixture(scope="module")
def measured() -> dict[tuple[str, str], Line]:
    torch.set_num_threads(1)
    found = [*lines(WEIGHTS, n=200), *preference(WEIGHTS, n=100), *course_inputs(WEIGHTS)]
    return {(line.effect, line.name): line for line in found}


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            row,
            id=f"{row['effect']}: {row['name']}",
            marks=[]
            if row["reached"]
            else [
                pytest.mark.xfail(
                    strict=True,
                    raises=AssertionError,
                    reason=f"the card says {row['right']} of {row['total']}",
                )
            ],
        )
        for row in CARD
    ],
)
def test_what_the_card_says(row: dict, measured: dict[tuple[str, str], Line]) -> None:
    line = measured[row["effect"], row["name"]]
    assert not line.fails if row["reached"] else line.reached, line


@pytest.fixture(scope="module")
def trait_shares() -> dict[str, list[float]]:
    return traits(Model.load(WEIGHTS / "chat"), 200)


@pytest.mark.slow
@pytest.mark.parametrize("trait", TRAITS)
def test_big_five_is_monotone(trait: str, trait_shares: dict[str, list[float]]) -> None:
    assert monotone(trait_shares[trait]), trait_shares[trait]


def test_a_personality_is_written_in_words() -> None:
    levels = dict(zip(TRAITS, range(1, 6)))
    said = "plain, a little careful, lively, very warm, extremely worried"
    assert personality(levels) == f"Your personality: {said}."
    assert personality({"openness": 4}) == "Your personality: very curious."


def test_the_subjects_asked_for_fit_their_article() -> None:
    assert all(a(s).split()[0] in ("a", "an") for s in measure.subjects(50))
    assert a("unicorn") == "a unicorn"
    assert a("owl") == "an owl"
