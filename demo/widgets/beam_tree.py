"""The tree of a beam search as inline SVG, and the same as a nested list. Pieces are escaped.

A column per new token; in it 2k hypotheses, those of one parent together, so no branches cross.
Ground: the token's probability. Hatched: pruned. Rounded: finished. Ring and dot: the result.
assets/decoding.js moves the focus along the branches.
"""

import math
from collections.abc import Sequence
from html import escape

from backend.beams import PROMPT, BeamStep, Node, path
from demo.widgets.marks import heading
from demo.words import Words

COLUMN, ROW, WIDTH, HEIGHT, TOP = 126, 44, 96, 36, 26
SHOWN = 10  # characters of a piece
LATEST = 6  # pieces of a hypothesis in the list


def beam_tree_html(steps: Sequence[BeamStep], best: int, words: Words) -> str:
    """Draw all that was looked at; `best` is the number of the result's last node, -1 if none."""
    tree = [node for step in steps for node in step.nodes]
    ring = {node.number for node in path(tree, tree[best])} if best >= 0 else set[int]()
    rows = placed(steps)
    pruned = sum(node.fate == "pruned" for node in tree)
    title = words("decoding.tree")
    label = words("decoding.tree_label", n=len(tree), pruned=pruned, steps=len(steps))
    return (
        heading(title, words, "measured", label)
        + legend(words)
        + f'<div class="beam-tree scroll" data-tree>{svg(tree, rows, ring, label, words)}</div>'
        + f'<div class="say" data-node aria-live="polite">{escape(words("decoding.keys"))}</div>'
        + as_list(steps, tree, ring, words)
    )


def placed(steps: Sequence[BeamStep]) -> dict[int, int]:
    """Return each node's row in its column: by its parent's row, then by rank."""
    rows: dict[int, int] = {PROMPT: 0}
    for step in steps:
        order = sorted(step.nodes, key=lambda n: (rows[n.parent], -n.total))
        rows |= {node.number: row for row, node in enumerate(order)}
    return rows


def svg(
    tree: Sequence[Node], rows: dict[int, int], ring: set[int], label: str, words: Words
) -> str:
    """Edges in three paths, then the nodes column by column, top to bottom."""
    depth = tree[-1].depth
    high = TOP + ROW * (max(rows.values()) + 1)
    edges: dict[str, list[str]] = {"cut": [], "kept": [], "best": []}
    for node in tree:
        css = "best" if node.number in ring else "cut" if node.fate == "pruned" else "kept"
        edges[css].append(edge(node, rows))
    drawn = "".join(f'<path class="{css}" d="{"".join(d)}"/>' for css, d in edges.items() if d)
    heads = "".join(f'<text x="{left(d)}" y="14">{d}</text>' for d in range(1, depth + 1))
    order = sorted(tree, key=lambda n: (n.depth, rows[n.number]))
    first = next((n.number for n in order if n.number in ring), order[0].number)
    nodes = "".join(drawn_node(n, rows, n.number in ring, n.number == first, words) for n in order)
    wide = left(depth) + WIDTH + 6
    return (
        f'<svg role="tree" aria-label="{escape(label)}" width="{wide}" height="{high}">'
        '<defs><pattern id="beam-hatch" width="6" height="6" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><rect width="1.5" height="6"/></pattern></defs>'
        f'<g class="heads" aria-hidden="true">{heads}</g>'
        f'<g class="edges" aria-hidden="true">{drawn}</g>{nodes}</svg>'
    )


def left(depth: int) -> int:
    """Return a column's left edge."""
    return 18 + (depth - 1) * COLUMN


def edge(node: Node, rows: dict[int, int]) -> str:
    """A curve from the parent's right side to the node's left side."""
    x, y = left(node.depth), TOP + ROW * rows[node.number] + HEIGHT // 2
    if node.parent == PROMPT:
        return f"M2,{TOP + HEIGHT // 2}C10,{TOP + HEIGHT // 2} 8,{y} {x},{y}"
    x0, y0 = x - COLUMN + WIDTH, TOP + ROW * rows[node.parent] + HEIGHT // 2
    middle = (x0 + x) // 2
    return f"M{x0},{y0}C{middle},{y0} {middle},{y} {x},{y}"


def drawn_node(node: Node, rows: dict[int, int], best: bool, first: bool, words: Words) -> str:
    """One hypothesis: its last token, and the sum of log-probabilities up to it."""
    x, y = left(node.depth), TOP + ROW * rows[node.number]
    css = f"node {node.fate}{' best' if best else ''}"
    radius = HEIGHT // 2 if node.fate == "finished" else 6
    piece = node.piece if len(node.piece) <= SHOWN else node.piece[: SHOWN - 1] + "…"
    dot = f'<circle cx="{WIDTH - 8}" cy="9" r="3.5"/>' if best else ""
    p = math.exp(node.logprob)
    return (
        f'<g class="{css}" role="treeitem" tabindex="{0 if first else -1}"'
        f' aria-level="{node.depth}" aria-label="{escape(told(node, best, words))}"'
        f' data-n="{node.number}" data-parent="{node.parent}" style="--a:{p:.3f}"'
        f' transform="translate({x},{y})"><rect width="{WIDTH}" height="{HEIGHT}" rx="{radius}"/>'
        f'<text x="8" y="15">{escape(piece)}</text>'
        f'<text class="sum" x="8" y="30">{node.total:.2f}</text>{dot}</g>'
    )


def told(node: Node, best: bool, words: Words) -> str:
    """A node in words."""
    fate = words(f"decoding.fate_{'best' if best else node.fate}")
    p = f"{100 * math.exp(node.logprob):.1f}"
    return words(
        "decoding.node",
        step=node.depth,
        piece=node.piece,
        p=p,
        total=f"{node.total:.3f}",
        fate=fate,
    )


def as_list(steps: Sequence[BeamStep], tree: Sequence[Node], ring: set[int], words: Words) -> str:
    """The text equivalent: a step's hypotheses under each step, the best first."""
    items = []
    for depth, step in enumerate(steps, start=1):
        inner = ""
        for node in sorted(step.nodes, key=lambda n: -n.total):
            before = [n.piece for n in path(tree, node)]
            shown = "".join(before[-LATEST:]).replace("\u2581", " ").strip() or node.piece
            lead = "… " if len(before) > LATEST else ""
            fate = words(f"decoding.fate_{'best' if node.number in ring else node.fate}")
            inner += f"<li>{escape(lead + shown)} · {node.total:.3f} · {escape(fate)}</li>"
        items.append(f"<li>{escape(words('decoding.step', n=depth))}<ul>{inner}</ul></li>")
    title = escape(words("decoding.as_list"))
    return (
        f"<details><summary>{title}</summary>"
        f'<div class="beam-list" tabindex="0" role="region" aria-label="{title}">'
        f"<ol>{''.join(items)}</ol></div></details>"
    )


def legend(words: Words) -> str:
    """What the four looks of a node mean."""
    keys = "".join(
        f'<span><i class="{name}"></i>{escape(words(f"decoding.fate_{name}"))}</span>'
        for name in ("kept", "pruned", "finished", "best")
    )
    return f'<div class="beam-legend">{keys}</div>'
