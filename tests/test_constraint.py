"""Constrained decoding: every ended run matches, draws equal `generate`'s, errors are said."""

import gc
import json
import re
import threading
import time
import weakref
from dataclasses import replace

import pytest
import torch

from backend.automaton import OUT, automaton, constrained
from backend.constraint import choice, json_schema, regex
from backend.errors import LabError
from backend.lab import Lab
from backend.models import LoadedModel
from backend.types import Constraint, Generation, SamplingParams

PROMPT = "Tell me a story about a dragon."
CHOICES = ("ドラゴン", "猫", "a dragon", "龘")  # the last one is not in the vocabulary: bytes
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"enum": ["search", "calculator", "clock"]},
        "query": {"type": "string", "maxLength": 8},
        "tries": {"type": "integer", "minDigits": 1, "maxDigits": 2},
    },
    "required": ["name", "query", "tries"],
}


@pytest.fixture(scope="module")
def loaded(lab: Lab) -> LoadedModel:
    return lab.engine.model()


def bare(text: str) -> str:
    """The text without the one blank that may stand before it."""
    return text.removeprefix(" ")


def is_call(text: str) -> bool:
    call = json.loads(text)
    right = call["name"] in ("search", "calculator", "clock") and len(call["query"]) <= 8
    return right and isinstance(call["tries"], int) and abs(call["tries"]) < 100


CASES = {
    "choice": (choice(CHOICES), lambda text: text in CHOICES),
    "regex": (
        regex(r"(はい|いいえ)、[0-9]{1,3}[.!]"),
        lambda text: bool(re.fullmatch(r"(はい|いいえ)、[0-9]{1,3}[.!]", text)),
    ),
    "json": (json_schema(SCHEMA), is_call),
}


def nested(depth: int) -> dict[str, object]:
    """Arrays in arrays: the expression doubles with each."""
    schema: dict[str, object] = {"type": "null"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def ids_of(generations: list[Generation]) -> list[list[int]]:
    return [[step.token_id for step in g.steps] for g in generations]


def reference(loaded: LoadedModel, wanted: Constraint, p: SamplingParams) -> list[list[int]]:
    """`generate` with the same sets as its prefix_allowed_tokens_fn."""
    found = automaton(wanted, loaded)
    ids = torch.tensor([loaded.encode(PROMPT)])

    def allowed(_: int, so_far: torch.Tensor) -> list[int]:
        state = found.walk(so_far[ids.shape[1] :].tolist())[-1]
        return list(loaded.end_ids) if state == OUT else found.allowed(state)

    sampling = {"temperature": p.temperature, "top_k": p.top_k, "top_p": p.top_p}
    torch.manual_seed(p.seed or 0)
    out = loaded.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=p.do_sample,
        num_return_sequences=p.num_return_sequences,
        max_new_tokens=p.max_new_tokens,
        prefix_allowed_tokens_fn=allowed,
        pad_token_id=0,
        **(sampling if p.do_sample else {}),
    )
    rows = out[:, ids.shape[1] :].tolist()
    ends = [next((i for i, t in enumerate(row) if t in loaded.end_ids), len(row)) for row in rows]
    return [row[: end + 1] for row, end in zip(rows, ends)]


DRAWS = (
    SamplingParams(do_sample=True, temperature=2.0, seed=3, num_return_sequences=4),
    SamplingParams(do_sample=True, temperature=0.8, top_p=0.9, top_k=7, seed=4),
    SamplingParams(),
)


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("params", DRAWS, ids=("hot", "filtered", "greedy"))
def test_the_seed_gives_what_generate_gives(
    lab: Lab, loaded: LoadedModel, kind: str, params: SamplingParams
) -> None:
    wanted, _ = CASES[kind]
    assert ids_of(lab.generate(PROMPT, params, constraint=wanted)) == reference(
        loaded, wanted, params
    )


def test_nobody_changes_among_strangers(lab: Lab) -> None:
    free = SamplingParams(do_sample=True, seed=9, max_new_tokens=40)
    bound = SamplingParams(do_sample=True, temperature=2.0, seed=5, max_new_tokens=64)
    wanted = [None, *(constraint for constraint, _ in CASES.values()), None]
    params = [bound if constraint else free for constraint in wanted]
    alone = [
        ids_of(lab.generate(PROMPT, p, constraint=constraint))
        for p, constraint in zip(params, wanted)
    ]
    got: list[list[list[int]]] = [[] for _ in wanted]

    def one(i: int) -> None:
        got[i] = ids_of(lab.generate(PROMPT, params[i], constraint=wanted[i]))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == alone


def test_rows_without_a_constraint_are_not_touched(loaded: LoadedModel) -> None:
    logits = torch.randn(3, loaded.info.vocab_size)
    assert constrained(logits, [(None, 0)] * 3) is logits
    found = automaton(CASES["choice"][0], loaded)
    masked = constrained(logits, [(None, 0), (found, found.first), (None, 0)])
    assert torch.equal(masked[[0, 2]], logits[[0, 2]])
    left = masked[1].isfinite().nonzero()[:, 0].tolist()
    assert sorted(left) == sorted(found.allowed(found.first))


def test_a_mask_is_cheap_on_the_model_thread(loaded: LoadedModel) -> None:
    found = automaton(CASES["json"][0], loaded)
    rows = [(found, found.first)] * 32
    logits = torch.randn(32, loaded.info.vocab_size)
    constrained(logits, rows)
    began = time.thread_time()
    for _ in range(20):
        constrained(logits, rows)
    assert (time.thread_time() - began) / 20 < 0.02  # 32 rows; a step of the model takes longer


def test_the_end_is_allowed_exactly_where_the_text_matches(loaded: LoadedModel) -> None:
    wanted, right = CASES["regex"]
    found = automaton(wanted, loaded)
    text = "はい、12."
    ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    for token_id, state in zip([*ids, None], found.walk(ids)):
        assert state != OUT
        end = loaded.end_ids <= set(found.allowed(state))
        assert end == found.matches(state) == (token_id is None)
    assert right(text)


def test_removed_candidates_say_so_and_the_raw_probability_stays(lab: Lab) -> None:
    params = SamplingParams(do_sample=True, top_k=3, seed=1, max_new_tokens=64, num_alternatives=20)
    [free] = lab.generate(PROMPT, SamplingParams(max_new_tokens=1, num_alternatives=20))
    [bound] = lab.generate(PROMPT, params, constraint=CASES["choice"][0])
    before, first = free.steps[0].alternatives, bound.steps[0].alternatives
    assert [c.token_id for c in first] == [c.token_id for c in before]
    assert [c.logprob for c in first] == pytest.approx([c.logprob for c in before], abs=1e-4)
    assert first[0].removed_by == "constraint"
    assert all((c.prob == 0) == (c.removed_by != "") for c in first)


def test_a_run_cut_short_says_length(lab: Lab) -> None:
    [cut] = lab.generate(PROMPT, SamplingParams(max_new_tokens=3), constraint=CASES["json"][0])
    assert cut.finish_reason == "length"


def test_tokens_already_decided_count(lab: Lab, loaded: LoadedModel) -> None:
    wanted, right = CASES["regex"]
    begun = tuple(loaded.tokenizer("はい、1", add_special_tokens=False)["input_ids"])
    [rest] = lab.generate(PROMPT, SamplingParams(), constraint=wanted, prefix_ids=begun)
    assert right(bare(lab.decode([*begun, *ids_of([rest])[0]], skip_special_tokens=True)))
    other = tuple(loaded.tokenizer("xyz", add_special_tokens=False)["input_ids"])
    with pytest.raises(LabError) as raised:
        lab.generate(PROMPT, SamplingParams(), constraint=wanted, prefix_ids=other)
    assert raised.value.code == "constraint_prefix"


def test_the_longest_match_is_known(lab: Lab, loaded: LoadedModel) -> None:
    assert automaton(regex("a+"), loaded).longest is None
    found = automaton(regex("[0-9]{1,3}"), loaded)
    assert found.longest == 5  # a blank, three digits, the end


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: regex(""), "constraint_regex"),
        (lambda: regex("a)|(b"), "constraint_regex"),
        (lambda: regex("("), "constraint_regex"),
        (lambda: regex("(?=a)b"), "constraint_regex"),
        (lambda: regex("a*"), "constraint_empty"),
        (lambda: regex(r"[^\s\S]"), "constraint_impossible"),
        (lambda: regex("a^"), "constraint_impossible"),
        (lambda: regex("a" * 30_000), "constraint_too_large"),
        (lambda: json_schema("[1"), "constraint_schema"),
        (lambda: json_schema("[1]"), "constraint_schema"),
        (lambda: json_schema({"no": "type"}), "constraint_schema"),
        (lambda: json_schema(nested(12)), "constraint_too_large"),
        (lambda: json_schema(nested(40)), "constraint_too_large"),  # it ended the whole server
        (lambda: json_schema({"allOf": [{"type": "null"}] * 2}), "constraint_schema"),  # nullnull
        (lambda: json_schema({"properties": {'a"b': {"type": "null"}}}), "constraint_schema"),
        (lambda: json_schema({"anyOf": [{"properties": {"a\\": {}}}]}), "constraint_schema"),
        (lambda: choice([]), "constraint_choices"),
        (lambda: choice(["", ""]), "constraint_choices"),
    ],
)
def test_what_is_wrong_is_said(loaded: LoadedModel, make: object, code: str) -> None:
    with pytest.raises(LabError) as raised:
        automaton(make(), loaded)  # type: ignore[operator]
    assert raised.value.code == code


def test_anchors_around_the_whole_change_nothing(loaded: LoadedModel) -> None:
    assert regex("^ab$") == regex("ab")
    assert regex(r"ab\$").pattern == r"ab\$"


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["(a|b)*a(a|b){20}", "(a{1,999}){1,999}", r"\w{300}"])
def test_a_pattern_that_explodes_is_refused_in_time(loaded: LoadedModel, pattern: str) -> None:
    began = time.perf_counter()
    with pytest.raises(LabError) as raised:
        automaton(regex(pattern), loaded)
    assert raised.value.code == "constraint_too_large"
    assert time.perf_counter() - began < 70


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_a_thousand_hot_runs_all_match(lab: Lab, loaded: LoadedModel, kind: str) -> None:
    wanted, right = CASES[kind]
    longest = automaton(wanted, loaded).longest
    assert longest
    rows, found = 20, list[Generation]()
    for seed in range(50):
        params = SamplingParams(
            do_sample=True,
            temperature=2.0,
            seed=seed,
            num_return_sequences=rows,
            max_new_tokens=longest,
            num_alternatives=0,
        )
        found += lab.generate(PROMPT, params, constraint=wanted)
    assert len(found) == 1000
    assert {g.finish_reason for g in found} == {"stop"}
    assert [g.text for g in found if not right(bare(g.text))] == []
    assert len({g.text for g in found}) > 1


def test_what_is_built_goes_with_its_model(loaded: LoadedModel) -> None:
    """A model that has been unloaded must not stay for the constraints somebody tried on it."""
    copy = replace(loaded)
    assert automaton(choice(CHOICES), copy) is automaton(choice(CHOICES), copy)
    left = weakref.ref(copy)
    del copy
    gc.collect()
    assert left() is None
