"""Temperature on the course's ten words: by hand, its wrong twin, shift against scale, and energy.

Plain arithmetic, so that the figures need no torch. A logit is log p up to a constant.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Literal

from demo.ten_words import PRINTED, TEN_WORDS
from demo.widgets.fold import table
from demo.words import Words

Change = Literal["none", "shift", "scale"]
SHIFT, SCALE = 1000.0, 3.0  # probabilities times 1000 (the course's), logits times 3


def softmax(logits: Sequence[float]) -> list[float]:
    """Return probabilities, the best logit taken off first so that nothing overflows."""
    best = max(logits)
    weights = [math.exp(logit - best) for logit in logits]
    return [weight / math.fsum(weights) for weight in weights]


def heated(probabilities: Sequence[float], temperature: float) -> list[float]:
    """Divide the logits by the temperature."""
    return softmax([math.log(p) / temperature for p in probabilities])


def twin(probabilities: Sequence[float], temperature: float) -> list[float]:
    """Divide the probabilities instead: the formula taken at its word (errata 10)."""
    return softmax([p / temperature for p in probabilities])


def changed(probabilities: Sequence[float], temperature: float, change: Change) -> list[float]:
    """Heat after multiplying the probabilities (a shift of logits) or the logits (a scale)."""
    logits = [math.log(p) for p in probabilities]
    if change == "shift":
        logits = [logit + math.log(SHIFT) for logit in logits]
    if change == "scale":
        logits = [logit * SCALE for logit in logits]
    return softmax([logit / temperature for logit in logits])


def entropy(probabilities: Sequence[float]) -> float:
    """Return the entropy in bits."""
    return -math.fsum(p * math.log2(p) for p in probabilities if p > 0)


def heat_html(temperature: float, change: Change, words: Words) -> str:
    """Draw the right way, the twin, and the toggled one, on one scale."""
    given = list(TEN_WORDS.values())
    right, wrong = heated(given, temperature), twin(given, temperature)
    toggled = changed(given, temperature, change)
    same = all(abs(a - b) < 1e-9 for a, b in zip(right, toggled))
    top = max(*right, *wrong, *toggled, *given)
    verdict = words("diversity.heat_same" if same else "diversity.heat_other")
    parts = (
        (words("diversity.heat_right"), "softmax(log p / T)", right, "right"),
        (words("diversity.heat_twin"), "softmax(p / T)", wrong, "twin"),
        (words(f"diversity.heat_{change}"), verdict, toggled, change),
    )
    return (
        '<div class="wf-panels">'
        + "".join(
            bars_html(title, f"{note} · {entropy(values):.2f} bit", values, given, top, name)
            for title, note, values, name in parts
        )
        + "</div>"
    )


def bars_html(
    title: str, note: str, values: Sequence[float], given: Sequence[float], top: float, name: str
) -> str:
    """Draw a panel of the ten words; a tick stands where each was given."""
    rows = "".join(
        f'<li class="wf-row"><code>{escape(word)}</code><span class="wf-bar">'
        f'<i style="width:{100 * p / top:.2f}%"></i>{tick(before, top)}</span>'
        f'<span class="n">{p:.3f}</span></li>'
        for word, p, before in zip(TEN_WORDS, values, given)
    )
    return (
        f'<section class="wf" data-heat="{name}"><h4>{escape(title)}</h4>'
        f'<p class="src">{escape(note)}</p><div class="wf-rows"><ul>{rows}</ul></div></section>'
    )


def tick(before: float, top: float) -> str:
    """Mark a value on the panel's scale, where it fits."""
    return f'<b style="left:{100 * before / top:.2f}%"></b>' if before <= top else ""


def kept_at(probabilities: Sequence[float], top_p: float) -> int:
    """Return how many words it takes, from the top, to reach `top_p`."""
    total = 0.0
    for n, p in enumerate(probabilities, start=1):
        total += p
        if total >= top_p:
            return n
    return len(probabilities)


def printed_html(words: Words) -> str:
    """Set the exact numbers beside those the course printed; those of fewer digits are marked."""
    given = list(TEN_WORDS.values())
    exact = {t: heated(given, t) for t in PRINTED}
    heads = "".join(
        f'<th scope="col">T {t:g} {escape(words("badge.measured"))}</th>'
        f'<th scope="col">{escape(words("badge.recorded"))}</th>'
        for t in PRINTED
    )
    rows = [f'<tr><th scope="col">{escape(words("diversity.word"))}</th>{heads}</tr>']
    for i, word in enumerate(TEN_WORDS):
        cells = "".join(
            f"<td>{exact[t][i]:.3f}</td>{printed_cell(row[i])}" for t, row in PRINTED.items()
        )
        rows.append(f'<tr><th scope="row">{escape(word)}</th>{cells}</tr>')
    sums = "".join(f"<td>1.000</td><td>{math.fsum(row):.3f}</td>" for row in PRINTED.values())
    rows.append(f'<tr><th scope="row">{escape(words("diversity.sum"))}</th>{sums}</tr>')
    last = "".join(
        f'<td colspan="2">{escape(list(TEN_WORDS)[kept_at(exact[t], 0.8) - 1])}'
        f" ({kept_at(exact[t], 0.8)})</td>"
        for t in PRINTED
    )
    rows.append(f'<tr><th scope="row">top_p 0.8</th>{last}</tr>')
    label = words("diversity.printed_title")
    return f"{table(label, ''.join(rows))}<p class='src'>{escape(words('diversity.printed'))}</p>"


def printed_cell(p: float) -> str:
    """Write a number with the digits it was printed with."""
    text = str(p)
    return f"<td>{text}</td>" if len(text) == 5 else f'<td class="few">{text}</td>'


def energy_html(temperature: float, words: Words) -> str:
    """Draw each word as a level at its energy -log p; how full it is, is its probability at T."""
    given = list(TEN_WORDS.values())
    energies = [-math.log(p) for p in given]
    filled = heated(given, temperature)
    low, high, top = min(energies), max(energies), max(*filled, *given)
    levels = "".join(
        f'<li style="bottom:{92 * (e - low) / (high - low):.2f}%"><code>{escape(word)}</code>'
        f'<span class="wf-bar"><i style="width:{100 * p / top:.2f}%"></i>{tick(before, top)}</span>'
        f'<span class="n">{words("diversity.level", energy=f"{e:.2f}", p=f"{p:.3f}")}</span></li>'
        for word, e, p, before in reversed(list(zip(TEN_WORDS, energies, filled, given)))
    )
    mean = math.fsum(e * p for e, p in zip(energies, filled))
    said = words(
        "diversity.energy_said",
        t=f"{temperature:g}",
        lowest=f"{100 * filled[0]:.0f}",
        highest=f"{100 * filled[-1]:.1f}",
        mean=f"{mean:.2f}",
    )
    return (
        f'<p class="src axis">{escape(words("diversity.energy_axis"))}</p>'
        f'<ul class="levels">{levels}</ul><p class="src">{escape(said)}</p>'
    )


def formulas_html(words: Words) -> str:
    """Write the three formulas of the course's aside, the last two with their right signs."""
    rows = (
        ("charles", "V / T = const."),
        ("boltzmann", "p_i = exp(-E_i / kT) / Σ_j exp(-E_j / kT)"),
        ("softmax", "p_i = exp(z_i / T) / Σ_j exp(z_j / T)"),
    )
    cells = "".join(
        f'<tr><th scope="row">{escape(words(f"diversity.{key}"))}</th>'
        f"<td>{escape(formula)}</td></tr>"
        for key, formula in rows
    )
    return table(words("diversity.formulas"), cells) + (
        f'<p class="src">{escape(words("diversity.formulas_note"))}</p>'
    )
