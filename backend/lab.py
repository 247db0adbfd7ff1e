"""Lab: what the edges need to know, in one object. Importing it imports no torch."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from backend.catalog import MODELS, CatalogEntry
from backend.cells import Cells
from backend.classroom import Classroom
from backend.downloads import Downloads
from backend.engine import Capability, Engine, Pending, Submit, drain, until_joined
from backend.ledger import Ledger
from backend.local import LocalEngine
from backend.memory import MemoryEstimate, estimate
from backend.metrics import Metrics
from backend.queueing import Limits
from backend.retrieval import Retrieval
from backend.settings import Settings
from backend.types import (
    EngineStats,
    Generation,
    Message,
    ModelInfo,
    Prompt,
    Request,
    SamplingParams,
    Schema,
    StreamUpdate,
    TokenRecord,
    TokenStep,
    ToolOutcome,
)
from backend.updates import WAITING_UPDATE_S, generation, updates

if TYPE_CHECKING:
    from backend.scheduler import Job

PAGE_UPDATE_S = 0.1


class Lab:
    """The engine with its checks and its numbers. Safe from many threads; close() ends it."""

    def __init__(self, settings: Settings, *, limits: Limits = Limits()) -> None:
        self.settings, self.limits = settings, limits
        self.metrics = Metrics(self.status, self.ledger, queue_limit=max(settings.max_queue, 1))
        self.classroom = Classroom()
        self.downloads = Downloads(settings)
        self.cells: Cells[object] = Cells()  # results that a class shares, by their settings
        self.retrieval = Retrieval(settings.search)
        self.engine = self._engine()

    def _engine(self) -> Engine:
        if self.settings.engine_url:
            from backend.remote import RemoteEngine

            return RemoteEngine(self.settings, limits=self.limits, on_end=self.metrics.ended)
        return LocalEngine(
            self.settings,
            limits=self.limits,
            on_end=self.metrics.ended,
            on_load=self.metrics.loaded,
            fetch=self.downloads.fetch,
        )

    def can(self, capability: Capability) -> bool:
        """Return whether the engine has a capability."""
        return capability in self.engine.capabilities

    def start(self) -> None:
        """Begin loading in the background; idempotent. Whatever needs a model does it too."""
        self.engine.start()

    def status(self) -> EngineStats:
        """Return the engine's plain numbers; never blocks."""
        return self.engine.snapshot()

    def ledger(self) -> Ledger:
        """Measure who holds what of each device's memory."""
        return self.engine.ledger()

    def ready(self) -> tuple[bool, str]:
        """Return whether requests can be answered now, and the reason if not."""
        return self.engine.ready()

    def catalog(self) -> tuple[CatalogEntry, ...]:
        """Return the known models that may be named here."""
        names = {self.settings.model, *self.settings.allowed_models}
        return tuple(
            entry
            for entry in MODELS.values()
            if entry.path or entry.id in names or self.settings.on_loopback
        )

    def tokenize(self, text: str, model: str = "") -> list[TokenRecord]:
        """Return the tokens of a text with the model's special tokens. Raises LabError."""
        from backend.admission import check_prompt, clean

        check_prompt(text)
        loaded = self.engine.model(model)
        return [loaded.vocabulary.record(token_id) for token_id in loaded.encode(clean(text))]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool, model: str = "") -> str:
        """Return the text of ids, as the tokenizer's own `decode` gives it."""
        loaded = self.engine.model(model)
        with loaded.lock:
            text = loaded.tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return str(text)

    def render(
        self, messages: Sequence[Message], model: str = "", *, tools: Sequence[Schema] = ()
    ) -> Prompt:
        """Return the messages as the model's chat template writes them. Raises LabError."""
        from backend.admission import as_message, check_prompt

        check_prompt(messages, tools=bool(tools))
        return self.engine.model(model).render([as_message(m) for m in messages], tools)

    def sent(
        self, messages: Sequence[Message], model: str = "", *, tools: Sequence[Schema] = ()
    ) -> Prompt:
        """Return what the model is given; where its template is elsewhere, the messages alone."""
        if self.can("jobs"):
            return self.render(messages, model, tools=tools)
        text = "\n\n".join(f"{message['role']}:\n{message['content']}" for message in messages)
        return Prompt(text=text, ids=())

    def generate(
        self,
        prompt: str | Sequence[Message],
        params: SamplingParams = SamplingParams(),
        *,
        operation: str = "generate",
        **request_fields: object,
    ) -> list[Generation]:
        """Return one Generation per returned sequence, in row order. Raises LabError."""
        rows: list[list[TokenStep]] = [[] for _ in range(params.num_return_sequences)]
        with self._counted(operation, request_fields) as submit:
            pending = self._pending(
                prompt, params, update_s=60.0, operation=operation, **request_fields
            )
            for step in drain(pending.channel, lambda: submit(pending)):
                rows[step.row].append(step)
        return [generation(steps, pending.prompt_tokens()) for steps in rows]

    def stream(
        self,
        prompt: str | Sequence[Message],
        params: SamplingParams = SamplingParams(),
        *,
        operation: str = "stream",
        **request_fields: object,
    ) -> Iterator[TokenStep]:
        """Yield one TokenStep per token; closing the iterator frees the rows."""
        with self._counted(operation, request_fields) as submit:
            pending = self._pending(
                prompt, params, update_s=0.0, operation=operation, **request_fields
            )
            yield from drain(pending.channel, lambda: submit(pending))

    async def astream(
        self,
        prompt: str | Sequence[Message],
        params: SamplingParams = SamplingParams(),
        *,
        operation: str = "stream",
        patient: bool = False,
        **request_fields: object,
    ) -> AsyncGenerator[TokenStep, None]:
        """The same as `stream`, on an event loop."""
        reading = self.aupdates(
            prompt, params, update_s=0.0, operation=operation, patient=patient, **request_fields
        )
        async with contextlib.aclosing(reading):
            async for update in reading:
                for step in update.steps:
                    yield step

    async def aupdates(
        self,
        prompt: str | Sequence[Message],
        params: SamplingParams = SamplingParams(),
        *,
        update_s: float = PAGE_UPDATE_S,
        operation: str = "stream",
        patient: bool = False,
        **request_fields: object,
    ) -> AsyncGenerator[StreamUpdate, None]:
        """Yield what a page redraws: the first token at once, then about ten updates a second.

        While it waits, for the load or in line, it yields at least once a second, so that leaving
        is seen. Closing it frees the rows within two steps. A `patient` one, of several that a
        page sends for one person, waits where another would be refused for the person's limits.
        """
        with self._counted(operation, request_fields) as submit:
            make = asyncio.create_task(
                asyncio.to_thread(
                    self._pending,
                    prompt,
                    params,
                    update_s=update_s,
                    operation=operation,
                    **request_fields,
                )
            )
            try:
                while not (await asyncio.wait({make}, timeout=WAITING_UPDATE_S))[0]:
                    yield StreamUpdate(waiting="loading")
                pending = make.result()
            finally:
                make.cancel()
            reading = updates(pending.channel, lambda: submit(pending, patient), pending.place)
            async with contextlib.aclosing(reading):
                async for update in reading:
                    yield update

    def estimate(
        self, model: str, precision: str, *, context: int = 0, sequences: int = 1
    ) -> MemoryEstimate:
        """Return what a model takes: of the catalogue, or resident; empty is the current one."""
        if not self.can("jobs"):
            self.engine.model()  # says where the models are
        name = str(model) or self.status().current  # the wire may send anything
        resident = next((m for m in self.status().models if m.model == name), None)
        if precision == "auto" and resident:
            precision = resident.precision
        elif precision == "auto":
            from backend.models import placed

            precision = placed("auto", self.settings)[1].name
        if name in MODELS or not resident:
            return estimate(name, precision, context=context, sequences=sequences)
        config = self.engine.model(name).model.config.to_dict()
        return estimate(config, precision, context=context, sequences=sequences)

    def run(self, job: "Job", model: str = "", *, person: str = "") -> Iterator[object]:
        """Yield what a job on the model thread yields; closing the iterator ends the job."""
        return self.engine.run(job, model, person=person)

    def load_model(self, model: str, precision: str, *, confirmed: bool = False) -> ModelInfo:
        """Load a model, `confirmed` though it may not fit; it becomes current. LabError."""
        self.start()
        self.downloads.fetch(model or self.settings.model)
        return self.engine.load(model or self.settings.model, precision, confirmed=confirmed)

    def metrics_text(self) -> tuple[bytes, str]:
        """Return the body of /metrics and its content type."""
        return self.metrics.text()

    def saw_person(self, person: str) -> None:
        """Count a person as here."""
        self.metrics.saw_person(person)

    def saw_tab(self, tab: str, lang: str) -> None:
        """Count an opened tab."""
        self.metrics.saw_tab(tab, lang)

    def exercise(self, exercise: str, correct: bool) -> None:
        """Count a checked answer."""
        self.metrics.exercise(exercise, correct)

    def tool_call(self, tool: str, outcome: ToolOutcome) -> None:
        """Count a turn in which a model called a tool, or tried to."""
        self.metrics.tool_call(tool, outcome)

    def close(self) -> None:
        """End everything within 5 s."""
        self.downloads.close()
        self.engine.close()

    def _pending(
        self,
        prompt: str | Sequence[Message],
        params: SamplingParams,
        *,
        update_s: float,
        operation: str,
        **request_fields: object,
    ) -> Pending:
        """Check a request as far as possible without a model, then with it."""
        from backend.admission import check_limits, check_prompt

        request = Request(prompt, params, operation=operation, **request_fields)  # type: ignore[arg-type]
        check_prompt(request.prompt, tools=bool(request.tools))
        check_limits(request, self.settings, self.limits)
        return self.engine.pending(request, update_s=update_s)

    def _counted(
        self, operation: str, request_fields: Mapping[str, object]
    ) -> AbstractContextManager[Submit]:
        def early(error: BaseException) -> None:
            model = str(request_fields.get("model") or self.status().current)
            self.metrics.unjoined(operation, model, error)

        return until_joined(early)
