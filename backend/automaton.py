"""Constrained decoding: only tokens that can still end in a match may be drawn.

Willard and Louf (2023), Efficient Guided Generation for Large Language Models. A match is one of
the *bytes*, so a character may come in pieces. The end token is allowed exactly where the text
matches. Importing this imports no torch.
"""

import threading
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from backend.constraint import worked, wrong
from backend.errors import LabError
from backend.types import Constraint, Request

if TYPE_CHECKING:
    import torch

    from backend.models import LoadedModel

KEPT = 32  # automata of a model
OUT = -1  # no state


class Automaton:
    """The states of one constraint on one vocabulary. Frozen but for its cache of masks.

    A state's mask is (vocab,) bool, True where a token is forbidden.
    """

    def __init__(
        self,
        first: int,
        ends: Sequence[bool],
        starts: array,
        tokens: array,
        targets: array,
        *,
        end_ids: frozenset[int],
        vocab: int,
    ) -> None:
        self.first, self._ends = first, tuple(ends)
        self._starts, self._tokens, self._targets = starts, tokens, targets
        self._end_ids, self.vocab = end_ids, vocab
        self.longest = self._longest()
        self.forbidden = lru_cache(maxsize=4096)(self._forbidden)

    def __len__(self) -> int:
        return len(self._ends)

    def matches(self, state: int) -> bool:
        """True where the text so far matches as a whole."""
        return self._ends[state]

    def allowed(self, state: int) -> list[int]:
        """Return the ids that may come next, the end token among them where the text matches."""
        ids = self._tokens[self._starts[state] : self._starts[state + 1]].tolist()
        return [*ids, *self._end_ids] if self._ends[state] else ids

    def after(self, state: int, token_id: int) -> int:
        """Return the state after an allowed token; OUT after any other, and after the end."""
        if state == OUT:
            return OUT
        low, high = self._starts[state], self._starts[state + 1]
        at = bisect_left(self._tokens, token_id, low, high)
        return self._targets[at] if at < high and self._tokens[at] == token_id else OUT

    def walk(self, ids: Sequence[int]) -> list[int]:
        """Return the state before each id, and the one after the last."""
        return list(accumulate(ids, self.after, initial=self.first))

    def accepts(self, ids: Sequence[int]) -> bool:
        """True where the text of ids (their end token left out) matches as a whole."""
        last = self.walk([i for i in ids if i not in self._end_ids])[-1]
        return last != OUT and self.matches(last)

    def _forbidden(self, state: int, device: "torch.device") -> "torch.Tensor":
        import torch

        mask = torch.ones(self.vocab, dtype=torch.bool, device=device)
        mask[torch.tensor(self.allowed(state), dtype=torch.long, device=device)] = False
        return mask

    def _longest(self) -> int | None:
        """Return the most tokens a match can take with its end token, None where it has no bound.

        The longest path of a graph without circles, in the order of Kahn (1962).
        """
        after = [
            set(self._targets[self._starts[s] : self._starts[s + 1]]) for s in range(len(self))
        ]
        incoming = [0] * len(self)
        for targets in after:
            for target in targets:
                incoming[target] += 1
        ready = [s for s, n in enumerate(incoming) if n == 0]
        depth, seen = [0] * len(self), 0
        while ready:
            state = ready.pop()
            seen += 1
            for target in after[state]:
                depth[target] = max(depth[target], depth[state] + 1)
                incoming[target] -= 1
                if not incoming[target]:
                    ready.append(target)
        return max(depth) + 1 if seen == len(self) else None


_keeping = threading.Lock()


def automaton(constraint: Constraint, loaded: "LoadedModel") -> Automaton:
    """Return a constraint's automaton on a model's vocabulary, built once; blocks. LabError."""
    kept, pattern = loaded.automata, constraint.pattern
    with _keeping:
        if pattern in kept:
            kept.move_to_end(pattern)
            return kept[pattern]
    built = build(constraint, loaded)
    with _keeping:
        kept[pattern] = built
        while len(kept) > KEPT:
            kept.popitem(last=False)
    return built


def build(constraint: Constraint, loaded: "LoadedModel") -> Automaton:
    """Build an automaton in a process that can be ended. Raises LabError."""
    if not loaded.end_ids:
        raise LabError(
            "constraint_no_end",
            f"{loaded.info.model} has no end token",
            "Choose another model",
            model=loaded.info.model,
        )
    vocabulary, table = loaded.vocabulary, dict[bytes, list[int]]()
    for token_id in range(loaded.info.vocab_size):
        if token_id not in vocabulary.silent_ids and token_id not in loaded.end_ids:
            table.setdefault(vocabulary.data(token_id), []).append(token_id)
    answer = worked("graph", constraint.pattern, table, loaded.info.vocab_size)
    if isinstance(answer, str):
        raise unbuilt(constraint, answer)
    first, ends, starts, tokens, targets = answer
    if ends[first]:
        raise LabError(
            "constraint_empty",
            "the constraint matches the empty text",
            "Ask for at least one character, such as a+ instead of a*",
            field="constraint",
        )
    return Automaton(
        first,
        ends,
        starts,
        tokens,
        targets,
        end_ids=loaded.end_ids,
        vocab=loaded.info.vocab_size,
    )


def unbuilt(constraint: Constraint, reason: str) -> LabError:
    """Say why there is no automaton."""
    if "no transitions" in reason or reason == "nothing matches":
        return LabError(
            "constraint_impossible",
            "no text of this model matches the constraint",
            "Loosen it",
            field="constraint",
        )
    return wrong("constraint_schema" if constraint.kind == "json" else "constraint_regex", reason)


def begun(request: Request, loaded: "LoadedModel") -> tuple[Automaton | None, int]:
    """Return a request's automaton and its state after the tokens already decided. LabError."""
    if request.constraint is None:
        return None, 0
    found = automaton(request.constraint, loaded)
    state = found.walk(request.prefix_ids)[-1]
    if state == OUT:
        raise LabError(
            "constraint_prefix",
            "the tokens already decided do not fit the constraint",
            "Go on from other tokens, or change the constraint",
            field="prefix_ids",
        )
    return found, state


def constrained(
    logits: "torch.Tensor", rows: Sequence[tuple[Automaton | None, int]]
) -> "torch.Tensor":
    """Return (rows, vocab) logits with -inf at what each row's state forbids; a copy if any does.

    Before temperature and filters, where `generate` puts its prefix_allowed_tokens_fn.
    """
    if not any(found for found, _ in rows):
        return logits
    logits = logits.clone()
    for i, (found, state) in enumerate(rows):
        if found:
            logits[i].masked_fill_(found.forbidden(state, logits.device), float("-inf"))
    return logits
