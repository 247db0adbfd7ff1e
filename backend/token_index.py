"""A regular expression over a vocabulary's bytes, as a graph of tokens; a process of its own.

Willard and Louf (2023), by outlines_core. Its building cannot be interrupted and a pattern or a
schema can ask for any memory, so this process limits itself and whoever reads ends it. In: a pickle
of (name of a function, its arguments, most bytes of memory, most seconds of the processor); out: a
pickle of what it returns, or of what was wrong as a str.
"""

import pickle
import sys
from array import array
from collections.abc import Callable

MOST_EDGES = 4_000_000

# first state, its number; per state: does a text end here; where its edges begin; per edge: its
# token and the state after it
Graph = tuple[int, list[bool], array, array, array]


def graph(pattern: str, table: dict[bytes, list[int]], end_id: int) -> Graph:
    """Return the tokens that may follow in each state, without what can never come to an end."""
    from outlines_core import Index, Vocabulary

    index = Index(pattern, Vocabulary(end_id, table))
    edges = index.get_transitions()
    if sum(map(len, edges.values())) > MOST_EDGES:
        raise MemoryError
    finals = set(index.get_final_states())
    before: dict[int, set[int]] = {}
    for state, after in edges.items():
        for token_id, target in after.items():
            if token_id != end_id:
                before.setdefault(target, set()).add(state)
    alive, waiting = set(finals), list(finals)
    while waiting:
        found = before.get(waiting.pop(), set()) - alive
        alive |= found
        waiting += found
    first = index.get_initial_state()
    if first not in alive:
        raise ValueError("nothing matches")
    edges = {s: {t: n for t, n in edges.get(s, {}).items() if n in alive} for s in alive}
    begin = max(alive) + 1
    edges[begin] = after_blank(table, edges, first) | edges[first]
    order = [*sorted(alive), begin]
    number = {state: i for i, state in enumerate(order)}
    starts, tokens, targets = array("q", [0]), array("i"), array("i")
    for state in order:
        for token_id, target in sorted(edges[state].items()):
            if token_id != end_id:
                tokens.append(token_id)
                targets.append(number[target])
        starts.append(len(tokens))
    ends = [state in finals for state in (*order[:-1], first)]
    return number[begin], ends, starts, tokens, targets


def pattern(schema: str, longest: int) -> tuple[str]:
    """Return a JSON schema as a regular expression; each array around an array doubles it."""
    from outlines_core.json_schema import build_regex_from_schema

    made = build_regex_from_schema(schema)
    if len(made) > longest:
        raise MemoryError
    return (made,)


def after_blank(
    table: dict[bytes, list[int]], edges: dict[int, dict[int, int]], first: int
) -> dict[int, int]:
    """Return the edges of the tokens that begin with the one blank that may stand before a match.

    Not a part of the pattern: outlines_core makes the smallest automaton, which can take minutes
    longer with it.
    """

    def walk(state: int, data: bytes) -> int | None:
        if not data:
            return state
        for k in range(len(data), 0, -1):
            target = edges[state].get(table.get(data[:k], [-1])[0])
            found = None if target is None else walk(target, data[k:])
            if found is not None:
                return found
        return None

    targets = {data: walk(first, data[1:]) for data in table if data.startswith(b" ")}
    return {
        token_id: target
        for data, target in targets.items()
        if target is not None
        for token_id in table[data]
    }


TASKS: dict[str, Callable[..., tuple]] = {"graph": graph, "pattern": pattern}


def main() -> None:
    """Read, limit the memory, build, write."""
    task, arguments, most_bytes, most_s = pickle.load(sys.stdin.buffer)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (most_s, most_s))
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    except (ImportError, ValueError, OSError):
        pass  # Windows and macOS: the reader's time limit holds
    try:
        answer: tuple | str = TASKS[task](*arguments)
    except (ValueError, TypeError) as error:
        answer = str(error)
    pickle.dump(answer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
