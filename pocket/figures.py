"""Draw the training's two figures from `training.json`: loss, and skills against tokens seen.

python -m pocket.figures
"""

import json
from pathlib import Path

FOLDER = Path(__file__).parent
WIDTH, HEIGHT, LEFT, BOTTOM = 640, 260, 44, 34
COLORS = ("#0a6c74", "#b4501f", "#5a6168")
DASHES = ("", "6 4", "2 3")  # colour is never the only carrier
Series = dict[str, list[tuple[float, float]]]  # name -> (million tokens, value)


def chart(series: Series, *, title: str, top: float, unit: str, split: float) -> str:
    """Return an SVG of lines; `split` is where tuning begins, in million tokens."""
    last = max(x for points in series.values() for x, _ in points)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - 110) * x / last,
            HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 30) * y / top,
        )

    parts = [f'<text x="{LEFT}" y="18" font-weight="600">{title}</text>']
    for tick in range(5):
        value = top * tick / 4
        x, y = at(0, value)
        parts.append(f'<path d="M{x} {y}H{WIDTH - 110}" stroke="#e3e0d8"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4}" text-anchor="end">{value:.4g}{unit}</text>')
    for x in range(0, int(last) + 1, 5):
        parts.append(f'<text x="{at(x, 0)[0]}" y="{HEIGHT - 14}" text-anchor="middle">{x} M</text>')
    x, y = at(split, top)
    parts.append(f'<path d="M{x} {y}V{HEIGHT - BOTTOM}" stroke="#5a6168" stroke-dasharray="3 3"/>')
    parts.append(f'<text x="{x + 4}" y="{y + 10}" fill="#5a6168">tuning begins</text>')
    for (name, points), color, dash in zip(series.items(), COLORS, DASHES):
        line = " ".join(f"{px:.1f},{py:.1f}" for px, py in (at(*p) for p in points))
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"'
            f' stroke-dasharray="{dash}"/>'
        )
        px, py = at(*points[-1])
        parts.append(f'<text x="{px + 6:.1f}" y="{py + 4:.1f}" fill="{color}">{name}</text>')
    said = "; ".join(f"{name}: from {p[0][1]} to {p[-1][1]}" for name, p in series.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' font-family="system-ui,sans-serif" font-size="12" fill="#1c2024">'
        f"<title>{title}. {said}</title><rect width='100%' height='100%' fill='#fff'/>"
        + "".join(parts)
        + "</svg>\n"
    )


def main() -> None:
    """Write both figures beside the weights."""
    facts = json.loads((FOLDER / "weights" / "training.json").read_text())
    before = facts["base_curve"][-1]["tokens"] / 1e6
    rows = [(row["tokens"] / 1e6, row) for row in facts["base_curve"]]
    tuned, read = list[tuple[float, dict]](), before
    for stage in ("chat", "late", "last", "trait"):
        curve = facts.get(f"{stage}_curve", ())
        tuned += [(read + row["tokens"] / 1e6, row) for row in curve]
        read = tuned[-1][0]
    loss = {
        "base": [(x, row["loss"]) for x, row in rows],
        "chat": [(x, row["loss"]) for x, row in tuned],
    }
    names = {"translation": "translation", "context": "passage", "worked": "worked sum"}
    skills = {
        shown: [(x, 100 * row[name]) for x, row in (*rows, *tuned)] for name, shown in names.items()
    }
    out = FOLDER / "weights"
    top = max(y for points in loss.values() for _, y in points)
    (out / "loss.svg").write_text(
        chart(loss, title="Loss (nats a token)", top=top, unit="", split=before)
    )
    (out / "skills.svg").write_text(
        chart(skills, title="Held-out items right", top=100, unit=" %", split=before)
    )


if __name__ == "__main__":
    main()
