"""What the course says of filters and temperature, each line computed again where it is read."""

from collections.abc import Sequence
from html import escape

from backend.types import SamplingParams
from demo.ten_words import PRINTED, TEN_WORDS
from demo.widgets.fold import table
from demo.widgets.heat import entropy, heated, twin
from demo.words import Words

TEMPERATURES = (0.5, 1.0, 1.5, 10.0)


def kept(order: Sequence[str] = (), **settings: float) -> int:
    """Return how many of the ten words stay."""
    from backend.sampling import STEPS, stages

    params = SamplingParams(do_sample=True, **settings)  # type: ignore[arg-type]
    last = stages(TEN_WORDS, params, order=order or STEPS)[-1]
    return sum(p > 0 for p in last.probabilities.values())


def checked_html(words: Words) -> str:
    """Draw a row per claim: the course's line, what it says, what comes out."""
    given = list(TEN_WORDS.values())
    flat = twin(given, 1.5)
    values: dict[str, dict[str, object]] = {
        "order": {
            "k": kept(top_k=5),
            "p": kept(top_p=0.8),
            "both": kept(top_k=5, top_p=0.8),
            "turned": kept(
                ("temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff"),
                top_k=5,
                top_p=0.8,
            ),
        },
        "epsilon": {
            "alone": kept(epsilon_cutoff=0.11),
            "after": kept(epsilon_cutoff=0.11, top_p=0.8),
            "hot": kept(epsilon_cutoff=0.05, temperature=10),
            "one": kept(epsilon_cutoff=0.3),
        },
        "common": {},
        "larger": {
            "bits": " < ".join(f"{entropy(heated(given, t)):.2f}" for t in TEMPERATURES),
        },
        "divide": {"first": f"{flat[0]:.3f}", "last": f"{flat[-1]:.3f}"},
        "constant": {},
        "digits": {"sums": ", ".join(f"{sum(row):.3f}" for row in PRINTED.values())},
        "tiny": {"n": kept(temperature=0.001, top_p=0.001)},
    }
    lines = {
        "order": 614,
        "epsilon": 627,
        "common": 631,
        "larger": 748,
        "divide": 764,
        "constant": 772,
        "digits": 697,
        "tiny": 806,
    }
    rows = "".join(
        f'<tr><th scope="row">{lines[key]}</th>'
        f'<td class="text">{escape(words(f"diversity.claim_{key}"))}</td>'
        f'<td class="text">{escape(words(f"diversity.found_{key}", **found))}</td></tr>'
        for key, found in values.items()
    )
    heads = "".join(
        f'<th scope="col">{escape(words(f"diversity.checked_{key}"))}</th>'
        for key in ("line", "claim", "found")
    )
    return table(words("diversity.checked_title"), f"<tr>{heads}</tr>{rows}", "grid checked")
