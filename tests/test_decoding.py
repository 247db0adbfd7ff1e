"""Beam search against transformers' own, exact search against all sequences, MBR by hand."""

import itertools
import math

import pytest
import torch
from sacrebleu import sentence_chrf
from transformers import GenerationConfig

from backend.beams import BeamParams, BeamStep, Node, path
from backend.decoding import DRAWS, Shares, beam_search, top_shares
from backend.errors import LabError
from backend.exact_search import CLOSER, Found, most_probable
from backend.lab import Lab
from backend.mbr import best_of, expected_utilities, utilities
from backend.types import SamplingParams

pytestmark = pytest.mark.slow
PROMPTS = ("Tell me a story about a dragon.", "Once upon a time", "dog => 犬\ncat =>")
MODELS = ("pocket-chat", "pocket-base")
TOKENS = 24
FP32 = 2e-5  # a sum of TOKENS log-probabilities, batches of other shapes


def run(lab: Lab, model: str, prompt: str, params: BeamParams) -> tuple[list[BeamStep], list[int]]:
    ids = lab.engine.model(model).encode(prompt)
    return list(lab.run(lambda loaded: beam_search(loaded, ids, params), model)), ids  # type: ignore[arg-type]


def generated(lab: Lab, model: str, ids: list[int], params: BeamParams):  # type: ignore[no-untyped-def]
    loaded = lab.engine.model(model)
    torch.manual_seed(params.seed)
    ends = loaded.model.generation_config.eos_token_id
    return loaded.model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        generation_config=GenerationConfig(eos_token_id=ends, pad_token_id=0, top_k=0),
        num_beams=params.num_beams,
        num_return_sequences=params.num_beams,
        length_penalty=params.length_penalty,
        max_new_tokens=params.max_new_tokens,
        do_sample=params.do_sample,
        early_stopping=False,
        output_scores=True,
        return_dict_in_generate=True,
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("beams", [2, 3, 4, 5])
@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
def test_texts_and_scores_equal_generate_and_compute_transition_scores(
    lab: Lab, model: str, beams: int, penalty: float
) -> None:
    params = BeamParams(num_beams=beams, length_penalty=penalty, max_new_tokens=TOKENS)
    for prompt in PROMPTS:
        steps, ids = run(lab, model, prompt, params)
        want = generated(lab, model, ids, params)
        found = steps[-1].finished
        transitions = lab.engine.model(model).model.compute_transition_scores(
            want.sequences, want.scores, want.beam_indices, normalize_logits=False
        )
        assert len(found) == beams
        for hypothesis, sequence, score, parts in zip(
            found, want.sequences, want.sequences_scores.tolist(), transitions
        ):
            n = len(hypothesis.ids)
            assert tuple(sequence[len(ids) :].tolist()[:n]) == hypothesis.ids
            assert hypothesis.score == pytest.approx(score, abs=FP32)
            assert hypothesis.logprobs == pytest.approx(parts[:n].tolist(), abs=FP32)
            assert hypothesis.total == pytest.approx(sum(hypothesis.logprobs), abs=FP32)
            assert hypothesis.score == pytest.approx(hypothesis.total / n**penalty, abs=FP32)


@pytest.mark.parametrize("seed", range(4))
def test_beam_sampling_equals_generate_with_the_seed(lab: Lab, seed: int) -> None:
    params = BeamParams(num_beams=3, max_new_tokens=TOKENS, do_sample=True, seed=seed)
    steps, ids = run(lab, "pocket-chat", PROMPTS[0], params)
    want = generated(lab, "pocket-chat", ids, params)
    best = steps[-1].finished[0]
    assert tuple(want.sequences[0, len(ids) :].tolist()[: len(best.ids)]) == best.ids
    assert best.score == pytest.approx(want.sequences_scores[0].item(), abs=FP32)


def test_the_tree_holds_every_hypothesis_with_its_fate(lab: Lab) -> None:
    k = 3
    steps, _ = run(lab, "pocket-base", PROMPTS[0], BeamParams(num_beams=k, max_new_tokens=TOKENS))
    tree = [node for step in steps for node in step.nodes]
    assert [node.number for node in tree] == list(range(len(tree)))
    for depth, step in enumerate(steps, start=1):
        assert len(step.nodes) == 2 * k
        fates = [node.fate for node in step.nodes]
        assert fates.count("kept") == (k if depth < len(steps) or depth < TOKENS else 0)
        totals = [node.total for node in step.nodes]
        assert totals == sorted(totals, reverse=True)
        for node in step.nodes:
            nodes = path(tree, node)
            assert [n.depth for n in nodes] == list(range(1, depth + 1))
            assert all(n.fate == "kept" for n in nodes[:-1])
            assert node.total == pytest.approx(sum(n.logprob for n in nodes), abs=FP32)
    for hypothesis in steps[-1].finished:
        assert tree[hypothesis.node].fate == "finished"
        assert tuple(n.token_id for n in path(tree, tree[hypothesis.node])) == hypothesis.ids
    assert all(isinstance(node, Node) for node in tree)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_beams", 1),
        ("num_beams", 9),
        ("num_beams", 2.5),
        ("num_beams", None),
        ("length_penalty", 9.0),
        ("length_penalty", None),
        ("max_new_tokens", 65),
        ("seed", -1),
    ],
)
def test_wrong_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(LabError) as caught:
        BeamParams(**{name: value})  # type: ignore[arg-type]
    assert caught.value.values["field"] == name


def exact(lab: Lab, ids: list[int], new: int, most: int = 4000) -> list[Found]:
    worst = ((0,) * new, -1e9)
    job = lambda m: most_probable(m, ids, known=worst, max_new_tokens=new, most=most)  # noqa: E731
    return list(lab.run(job))  # type: ignore[arg-type]


def test_exact_search_equals_looking_at_every_sequence_of_two(lab: Lab) -> None:
    loaded = lab.engine.model()
    ids = loaded.encode("Tell me")
    last = exact(lab, ids, 2)[-1]
    assert last.complete
    rows = torch.tensor([[*ids, token] for token in range(loaded.info.vocab_size)])
    with torch.inference_mode():
        first = loaded.model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        second = torch.cat(
            [loaded.model(part).logits[:, -1].log_softmax(-1) for part in rows.split(256)]
        )
    sums = first[:, None] + second
    for end in loaded.end_ids:
        sums[end] = -torch.inf
        sums[end, 0] = first[end]  # ends after one token
    assert last.total == pytest.approx(float(sums.max()), abs=CLOSER)


def test_exact_search_is_never_below_greedy_or_beam_and_says_when_it_gave_up(lab: Lab) -> None:
    whole = list[bool]()
    for prompt, new in itertools.product(PROMPTS, (3, 4)):
        params = BeamParams(num_beams=4, length_penalty=0, max_new_tokens=new)
        steps, ids = run(lab, "", prompt, params)
        [greedy] = lab.generate(prompt, SamplingParams(max_new_tokens=new))
        last = exact(lab, ids, new)[-1]
        whole.append(last.complete)
        if not last.complete:
            continue
        assert last.total >= sum(s.logprob for s in greedy.steps) - CLOSER
        assert last.total >= steps[-1].finished[0].total - CLOSER
    assert any(whole)
    short = exact(lab, ids, 60, most=5)[-1]
    assert not short.complete
    assert short.prefixes == 5


def test_the_mbr_winner_equals_a_direct_computation(lab: Lab) -> None:
    drawn = SamplingParams(
        do_sample=True, seed=3, num_return_sequences=8, max_new_tokens=TOKENS, temperature=1.2
    )
    texts = [g.text for g in lab.generate(PROMPTS[0], drawn)]
    matrix = utilities(texts)
    for n in (2, 5, 8):
        direct = [
            sum(sentence_chrf(text, [other]).score for other in texts[:n]) / n for text in texts[:n]
        ]
        assert expected_utilities(matrix, n) == pytest.approx(direct)
        assert best_of(expected_utilities(matrix, n)) == direct.index(max(direct))


def test_utilities_of_equal_empty_and_japanese_texts() -> None:
    matrix = utilities(["昔、竜がいました。", "昔、猫がいました。", "昔、竜がいました。", ""])
    assert matrix[0][0] == matrix[0][2] == pytest.approx(100)
    assert 0 < matrix[0][1] < 100
    assert matrix[3] == [0, 0, 0, 0]


def test_beam_sampling_is_another_distribution(lab: Lab) -> None:
    ids = lab.engine.model("pocket-base").encode("Once upon a time there was a")
    job = lambda m: top_shares(m, ids, 3, 0)  # noqa: E731
    [found] = lab.run(job, "pocket-base")
    assert isinstance(found, Shares)
    noise = 4 * (found.probability * (1 - found.probability) / DRAWS) ** 0.5
    assert found.sampled == pytest.approx(found.probability, abs=noise)
    wins = 0
    for seed in range(150):
        params = BeamParams(num_beams=3, max_new_tokens=1, do_sample=True, seed=seed)
        steps = list(lab.run(lambda m, p=params: beam_search(m, ids, p), "pocket-base"))
        best = steps[-1].finished[0]  # type: ignore[attr-defined]
        wins += best.total == pytest.approx(math.log(found.probability), abs=1e-4)
    assert wins / 150 == pytest.approx(found.beam_sampled, abs=0.15)
    assert found.beam_sampled > found.sampled
