"""Prompts that begin alike: what one request has read, the next copies.

A class presses Run on one long prompt; a chat sends its whole history again. As prefix caching in
vLLM (Kwon et al., 2023), but only among requests that run: nothing is kept for later.
"""

from collections.abc import Sequence

from backend.kv_cache import SlotCache
from backend.rows import Ticket

LEAST = 8  # tokens; the course's own prompt shares that many


def shared(a: Sequence[int], b: Sequence[int]) -> int:
    """Return with how many equal tokens two prompts begin, 0 for fewer than LEAST."""
    low, high = LEAST, min(len(a), len(b))
    if high < low or a[:low] != b[:low]:
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low


def take_over(ticket: Ticket, others: Sequence[Ticket], reading: Sequence[Ticket]) -> bool:
    """Copy what another request has read of the same prompt; True to wait for one that still reads.

    `reading`: those whose prompts are not whole yet, the oldest first; it waits for older ones
    alone, so that somebody always reads. The last token is left to be read for its logits.
    """
    best, most = None, ticket.read + LEAST - 1
    older = reading[: reading.index(ticket)]
    for other in others:
        if other is ticket or not other.rows:
            continue
        same = min(shared(ticket.ids, other.ids), len(ticket.ids) - 1)
        if same > most and other in older and other.read < same:
            return True
        if min(same, other.read) > most:
            best, most = other, min(same, other.read)
    if best:
        mine, source = ticket.rows[0].slots, best.rows[0].slots
        assert isinstance(mine.cache, SlotCache)  # whose model cannot share a forward asks nobody
        assert isinstance(source.cache, SlotCache)
        mine.cache.take(
            source.cache, source.rows.index(best.rows[0]), mine.rows.index(ticket.rows[0]), most
        )
        ticket.read = ticket.rows[0].length = most
    return False
