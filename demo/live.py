"""The Monitor tab's live numbers: one look a second at most, whoever asks, shared by all pages."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from backend.lab import Lab
from backend.ledger import Ledger
from backend.types import EngineStats
from demo.endpoints import person_of
from demo.identity import Identity
from demo.widgets.machine_now import memory_html, mine_html, now_html, steps_html
from demo.words import LANGS, words

LOOK_S = 0.9  # less apart than this, all see the same look
WINDOW_S = 6.0  # that rates are measured over
HISTORY_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Look:
    """The machine at one moment; a rate is None at the first look, or where no step is counted."""

    at_s: float  # time.monotonic
    stats: EngineStats
    ledger: Ledger
    tokens: int  # generated since the start
    people: int
    first_token_s: float | None  # the median of the last requests
    steps_per_s: float | None = None
    tokens_per_s: float | None = None
    rows_per_step: float | None = None  # None also where no step was made
    history: tuple[float, ...] = ()  # tokens per second, of the last minute
    drawn: dict[str, dict[str, str]] = field(default_factory=dict)  # by language


class Live:
    """Looks at a lab when somebody asks. Safe from many threads."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._looks: deque[Look] = deque()
        self._lock = threading.Lock()

    def look(self, now_s: float) -> Look:
        """Return the last look, or a new one where that is too old at `now_s` (time.monotonic)."""
        with self._lock:
            if not self._looks or now_s - self._looks[-1].at_s > LOOK_S:
                while self._looks and now_s - self._looks[0].at_s > HISTORY_S:
                    self._looks.popleft()
                self._looks.append(self._new(now_s))
            return self._looks[-1]

    def _new(self, now_s: float) -> Look:
        lab, stats = self._lab, self._lab.status()
        tokens = sum(size * steps for size, steps in enumerate(stats.batch_sizes, start=1))
        firsts = tuple(lab.metrics.first_tokens_s)
        before = before_in(self._looks, now_s)
        steps_per_s = tokens_per_s = rows = None
        if before and stats.batch_sizes:  # a remote server's steps are not known
            took_s = now_s - before.at_s
            steps = stats.steps_total - before.stats.steps_total
            steps_per_s, tokens_per_s = steps / took_s, (tokens - before.tokens) / took_s
            rows = (tokens - before.tokens) / steps if steps else None
        past = (look.tokens_per_s for look in self._looks)
        return Look(
            at_s=now_s,
            stats=stats,
            ledger=lab.ledger(),
            tokens=tokens,
            people=lab.metrics.people(),
            first_token_s=statistics.median(firsts) if firsts else None,
            steps_per_s=steps_per_s,
            tokens_per_s=tokens_per_s,
            rows_per_step=rows,
            history=tuple(rate for rate in (*past, tokens_per_s) if rate is not None),
        )


def before_in(looks: Sequence[Look], now_s: float) -> Look | None:
    """Return the oldest look of the last WINDOW_S."""
    return next((look for look in looks if now_s - look.at_s <= WINDOW_S), None)


def add_live_route(app: FastAPI, lab: Lab, identity: Identity) -> None:
    """Serve the tab's live pieces as HTML, in a language."""
    live = Live(lab)

    @app.get("/monitor/{lang}")
    async def monitor(lang: str, request: Request) -> Response:
        """The machine, its memory, its steps, and the asker's own requests."""
        if lang not in LANGS:
            return Response(status_code=404)
        look, said = live.look(time.monotonic()), words(lang)
        if lang not in look.drawn:
            look.drawn[lang] = {
                "now": now_html(look, lab.settings.max_queue, said),
                "memory": memory_html(look.ledger, said),
                "steps": steps_html(look.stats.batch_sizes, said),
            }
        mine = lab.engine.places(person_of(identity, request))
        pieces = {**look.drawn[lang], "mine": mine_html(mine, said)}
        return JSONResponse(pieces, headers={"Cache-Control": "no-store"})
