"""The lab's batch without records: token and text alone, to see what the records cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import torch

from backend.batch import Batch
from backend.choosing import Best, Chooser, Picked
from backend.models import LoadedModel
from backend.rows import Row
from backend.sampling import warp
from backend.types import TokenStep

NOTHING = Best(*[np.empty((0, 0))] * 4)  # no likeliest tokens


class BareChooser(Chooser):
    """Draws the same tokens; no log-probabilities, no alternatives, not what removed them."""

    def pick(self, rows: list[Row], logits: torch.Tensor) -> list[Picked | Exception]:
        """Return for each row its token alone."""
        noise = self._draw(rows)
        if rows != self._rows:
            self._rows, self._params = rows, self._settings(rows)
        nobody = torch.empty(len(rows), 0, dtype=torch.long)
        scores, _ = warp(logits, self._params, nobody)
        tokens = (scores.softmax(-1) / noise).argmax(-1)  # every row of the benchmark samples
        return [Picked(token, 0.0, 0.0, NOTHING, 0) for token in tokens.tolist()]


class BareBatch(Batch):
    """A batch whose steps hold a token and its text."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        self._chooser = BareChooser(loaded)

    def _advance(self, row: Row, picked: Picked) -> TokenStep:
        text, row.finish_reason = self._take(row, picked.token_id)
        return TokenStep(
            row=row.index,
            token_id=picked.token_id,
            text=text,
            piece="",
            data=b"",
            logprob=0.0,
            prob=0.0,
            finish_reason=row.finish_reason,
        )


@contextmanager
def without_records() -> Iterator[None]:
    """Have batches begun in this block make no records."""
    with patch("backend.scheduler.Batch", BareBatch):
        yield
