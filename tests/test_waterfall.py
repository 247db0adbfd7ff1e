"""The waterfall's panels, the figures of temperature, and logits that are asked for only once."""

import re
import time

import pytest
import torch

from backend.lab import Lab
from backend.next_token import NextTokens
from backend.sampling import counts, logits_of, passes, stages
from backend.types import SamplingParams
from demo.ten_words import TEN_WORDS
from demo.widgets.checked import checked_html
from demo.widgets.heat import changed, energy_html, heat_html, heated, printed_html, twin
from demo.widgets.steps_panel import ORDERS, PROMPT
from demo.widgets.waterfall import SHOWN, panels_of, waterfall_html
from demo.widgets.word_table import read_words
from demo.words import words

GIVEN = list(TEN_WORDS.values())
DRAWN = SamplingParams(do_sample=True, temperature=0.8, top_k=40, top_p=0.9, min_p=0.01)


def picture(params: SamplingParams, table: dict[str, float] | None = None) -> str:
    table = table or dict(TEN_WORDS)
    ids, panels = panels_of(list(passes(logits_of(table), params)))
    labels = [list(table)[i] for i in ids]
    return waterfall_html(labels, panels, params, words("en"), with_given=False)


def test_removed_words_stay_in_sight() -> None:
    html = picture(SamplingParams(do_sample=True, top_k=5, top_p=0.8))
    k, p = html.split("<section")[1:]
    assert 'data-step="top_k" data-kept="5"' in k
    assert 'data-step="top_p" data-kept="4"' in p
    assert p.count('<li class="wf-row') == 10
    assert p.count("wf-row cut") == 6
    assert re.findall(r">(0\.\d{3})</span></li>", p) == ["0.357", "0.286", "0.214", "0.143"]
    assert "removed; it had 0.103" in p  # as it came to top-p, after top-k
    assert "removed; it had 0.070" in p  # what top-k took, as it had been


def test_nothing_on_is_ancestral_sampling() -> None:
    html = picture(SamplingParams(do_sample=True))
    assert html.count("<section") == 1
    assert "10 of 10 stay" in html
    assert "cut" not in html


def test_unsorted_words_are_drawn_from_the_most_probable() -> None:
    html = picture(SamplingParams(do_sample=True, top_k=1), {"low": 0.1, "high": 0.9})
    assert html.index("high") < html.index("low")


def test_words_enter_as_text() -> None:
    assert "<img" not in picture(DRAWN, {"<img src=x>": 0.5, "b": 0.5})


def test_every_order_is_a_permutation() -> None:
    from backend.sampling import STEPS

    assert ORDERS["library"] == STEPS
    assert all(sorted(order) == sorted(STEPS) for order in ORDERS.values())


def test_what_the_table_sends() -> None:
    assert read_words([["a", 0.5], [" a ", 0.25], ["", 0.25]]) == {"a": 0.75, "(3)": 0.25}
    assert read_words("x") == {}


def test_temperature_by_hand_and_its_twin() -> None:  # row 26, errata 10 and 10c
    params = SamplingParams(do_sample=True, temperature=1.5)
    want = list(stages(TEN_WORDS, params)[-1].probabilities.values())
    assert heated(GIVEN, 1.5) == pytest.approx(want, abs=1e-6)
    flat = twin(GIVEN, 1.5)
    assert (f"{flat[0]:.3f}", f"{flat[-1]:.3f}") == ("0.110", "0.095")
    assert changed(GIVEN, 1.5, "shift") == pytest.approx(heated(GIVEN, 1.5))
    assert changed(GIVEN, 1.5, "scale") == pytest.approx(heated(GIVEN, 0.5))
    assert changed(GIVEN, 1.5, "none") == pytest.approx(heated(GIVEN, 1.5))


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_figures_say_their_numbers(lang: str) -> None:
    speak = words(lang)  # type: ignore[arg-type]
    heat = heat_html(1.5, "shift", speak)
    for number in ("0.195", "0.036", "0.110", "0.095"):
        assert number in heat
    table = printed_html(speak)
    for number in ("0.409", "0.065", "0.058", "0.087", "1.001", "1.008", "1.022", "dragon (3)"):
        assert number in table
    assert {"castle (7)", "into (8)"} <= set(re.findall(r"\w+ \(\d\)", table))
    assert table.count('class="few"') == 19  # printed with one or two digits
    claims = checked_html(speak)
    for number in ("0.110", "1.001, 1.008, 1.022", "2.31 &lt; 2.96 &lt; 3.15 &lt; 3.32"):
        assert number in claims
    assert claims.count("<tr>") == 9


def test_levels_fill_as_it_gets_warmer() -> None:  # M1 to M3, errata 10b
    def share(temperature: float, word: str) -> float:
        html = energy_html(temperature, words("en"))
        found = re.search(rf"<code>{word}</code>.*?E [\d.]+ · ([\d.]+)", html)
        assert found
        return float(found[1])

    highest = [share(t, "darkness") for t in (0.2, 0.5, 1, 2, 10)]
    assert highest == sorted(highest)
    lowest = [share(t, "the") for t in (0.2, 0.5, 1, 2, 10)]
    assert lowest == sorted(lowest, reverse=True)
    assert share(1, "flew") == 0.1


def test_draws_go_by_weight() -> None:  # row 19
    probs = torch.tensor(GIVEN)
    found = counts(probs, 20_000, seed=7)
    assert sum(found) == 20_000
    assert torch.tensor(found) / 20_000 == pytest.approx(probs, abs=0.01)
    assert counts(probs, 100, seed=7) == counts(probs, 100, seed=7)


def test_a_prompt_costs_one_forward(lab: Lab) -> None:
    asked = NextTokens(lab)
    first = asked(PROMPT)
    again = asked(PROMPT)
    assert again is first
    assert asked.forwards == 1
    assert asked(PROMPT + " ") is not first
    loaded = lab.engine.model()
    with torch.inference_mode():
        ids = loaded.tokenizer(PROMPT, return_tensors="pt")["input_ids"]
        want = loaded.model(ids).logits[0, -1].float()
    assert torch.allclose(first.logits, want, atol=1e-4)
    assert first.prompt_tokens == ids.shape[1]


def test_the_pictures_numbers_are_the_engines(lab: Lab) -> None:
    [made] = lab.generate(PROMPT, SamplingParams(**{**vars(DRAWN), "max_new_tokens": 1, "seed": 3}))
    first = NextTokens(lab)(PROMPT)
    last = list(passes(first.logits, DRAWN))[-1].probs
    for candidate in made.steps[0].alternatives:
        assert candidate.prob == pytest.approx(last[candidate.token_id].item(), abs=1e-4)


def test_a_slider_answers_in_less_than_100_ms(lab: Lab) -> None:
    asked, speak = NextTokens(lab), words("en")
    asked(PROMPT)
    took = []
    for n in range(30):
        params = SamplingParams(do_sample=True, top_p=0.3 + n / 50, typical_p=0.9, min_p=0.01)
        began = time.thread_time()
        found = asked(PROMPT)
        ids, panels = panels_of(list(passes(found.logits, params)))
        waterfall_html([found.pieces[i] for i in ids], panels, params, speak, with_given=True)
        took.append(time.thread_time() - began)
    assert len(ids) == SHOWN
    assert asked.forwards == 1
    print(f"a slider on cached logits: median {1000 * sorted(took)[15]:.1f} ms")
    assert sorted(took)[15] < 0.1
