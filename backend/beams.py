"""What a beam search records: settings, every hypothesis looked at, those that finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from backend.errors import LabError
from backend.types import MAX_SEED

PROMPT = -1  # the parent of a tree's first nodes
LIMITS = {
    "num_beams": (2, 8),
    "length_penalty": (-3, 3),
    "max_new_tokens": (1, 64),
    "seed": (0, MAX_SEED),
}


@dataclass(frozen=True, kw_only=True)
class BeamParams:
    """How to search. `do_sample` draws the candidates instead of taking the best (beam sampling).

    A hypothesis of n new tokens is scored by its summed log-probability / n ** length_penalty.
    """

    num_beams: int = 4
    length_penalty: float = 1.0
    max_new_tokens: int = 32
    do_sample: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            whole = name == "length_penalty" or (number and value == value // 1)
            if not number or not whole or not least <= value <= most:
                raise LabError(
                    "out_of_range",
                    f"{name} must be in [{least}, {most}], got {value}",
                    field=name,
                    value=value,
                    allowed=f"{least} to {most}",
                )
            object.__setattr__(self, name, value if name == "length_penalty" else int(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One hypothesis that was looked at: a token after those of its parent.

    `total` is the sum of log-probabilities from the prompt on. "kept" goes on, "finished" ended
    among the best k, "pruned" is dropped.
    """

    number: int
    parent: int  # another node's number, or PROMPT
    depth: int  # 1 for the first new token
    token_id: int
    piece: str
    logprob: float
    total: float
    fate: Literal["kept", "pruned", "finished"]


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A finished hypothesis: its ids, end token included, and how it is ranked."""

    node: int
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    total: float
    score: float
    finish_reason: Literal["stop", "length"]


@dataclass(frozen=True, kw_only=True)
class BeamStep:
    """What one forward brought: 2k nodes in rank order, and the best k finished so far."""

    nodes: tuple[Node, ...]
    finished: tuple[Hypothesis, ...]


def path(tree: Sequence[Node], node: Node) -> list[Node]:
    """Return the nodes from the first new token to this one."""
    found = [node]
    while found[-1].parent != PROMPT:
        found.append(tree[found[-1].parent])
    return found[::-1]


def hypothesis(
    tree: Sequence[Node], node: Node, score: float, reason: Literal["stop", "length"]
) -> Hypothesis:
    """Return a node's whole sequence as a finished one."""
    nodes = path(tree, node)
    return Hypothesis(
        node=node.number,
        ids=tuple(n.token_id for n in nodes),
        logprobs=tuple(n.logprob for n in nodes),
        total=node.total,
        score=score,
        finish_reason=reason,
    )
