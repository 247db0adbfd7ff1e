"""transformers' own `generate` as a job: it advances one forward in each of the job's turns.

The library's loop cannot yield, so it runs in a thread of its own that moves only while the model
thread waits for it inside the job's turn: still one thread at a time at the model.
"""

import threading
from collections.abc import Iterator, Sequence

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from backend.models import LoadedModel


class Left(Exception):
    """The job was closed; ends the library's loop from inside."""


class Turns(LogitsProcessor):
    """Called once per forward by `generate`: hands the turn back, changes nothing."""

    def __init__(self) -> None:
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.left = False

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.done.release()
        self.go.acquire()
        if self.left:
            raise Left
        return scores


def library_generate(
    loaded: LoadedModel, ids: Sequence[int], **options: object
) -> Iterator[list[list[int]]]:
    """Yield None per forward, then the new ids of each returned sequence; a job's body.

    `options` go to `generate` as they are. Raises what `generate` raises.
    """
    turns, results, errors = Turns(), list[torch.Tensor](), list[BaseException]()

    def loop() -> None:
        turns.go.acquire()
        try:
            torch.set_num_threads(loaded.threads)  # a setting of each thread
            prompt = torch.tensor([list(ids)], device=loaded.device)
            results.append(
                loaded.model.generate(  # type: ignore[operator]
                    prompt,
                    attention_mask=torch.ones_like(prompt),
                    logits_processor=LogitsProcessorList([turns]),
                    pad_token_id=next(iter(loaded.end_ids), 0),
                    **options,
                )
            )
        except BaseException as error:
            errors.append(error)
        finally:
            turns.done.release()

    thread = threading.Thread(target=loop, name="library", daemon=True)
    thread.start()
    try:
        while not results and not errors:
            turns.go.release()
            turns.done.acquire()
            yield None  # type: ignore[misc]  # a turn without a result
        if errors:
            raise errors[0]
        yield results[0][:, len(ids) :].tolist()
    finally:
        turns.left = True
        turns.go.release()
        thread.join()
