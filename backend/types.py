"""What travels between page, engine and scheduler: frozen data, validated once, without torch."""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from backend.errors import LabError

FinishReason = Literal["stop", "length", "cancelled", "error"]
Outcome = Literal["ok", "cancelled", "disconnected", "rejected", "oom", "error", "timeout"]
Waiting = Literal["", "loading", "queued", "own", "reading"]  # "own": for the person's other runs
ToolOutcome = Literal["ok", "bad_json", "unknown_tool", "bad_arguments", "failed"]
Filter = Literal["top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff"]
RemovedBy = Filter | Literal["constraint", ""]
Message = Mapping[str, str]  # {"role": "system" | "user" | "assistant" | "tool", "content": text}
Schema = Mapping[str, object]  # of a tool, as transformers.utils.get_json_schema writes it
MAX_SEED = 2**32 - 1
MAX_ROWS = 4096  # the most LAB_MAX_STREAMS can be; a reader makes a list for each, unasked


def _number(field_name: str, value: object, allowed: str, *, whole: bool = False) -> float:
    """Refuse what is not a finite number; bool is not one, an integer is."""
    right_type = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, float) and whole and value.is_integer():
        right_type = True  # JSON and sliders send 3.0 for 3
    # a float cannot hold every integer: only floats are asked
    finite = isinstance(value, int) or (right_type and math.isfinite(value))  # type: ignore[arg-type]
    if isinstance(value, bool) or not right_type or not finite:
        raise _refusal(field_name, value, allowed)
    return value  # type: ignore[return-value]


def _refusal(field_name: str, value: object, allowed: str, hint: str = "") -> LabError:
    shown = value if isinstance(value, (int, float)) else repr(value)[:80]
    message = f"{field_name} must be {allowed}, got {shown}"
    return LabError("out_of_range", message, hint, field=field_name, value=shown, allowed=allowed)


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How each next token is chosen. Zero means off for top_k, min_p and epsilon_cutoff, one for
    top_p and typical_p.

    temperature in (0, 100]; top_p and typical_p in (0, 1]; epsilon_cutoff and min_p in [0, 1);
    seed None is a fresh one, chosen here so that the result can report it.
    """

    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    epsilon_cutoff: float = 0.0
    max_new_tokens: int = 128
    num_return_sequences: int = 1
    seed: int | None = None
    stop: tuple[str, ...] = ()
    num_alternatives: int = 5
    min_p: float = 0.0
    typical_p: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.do_sample, bool):
            raise _refusal("do_sample", self.do_sample, "true or false")
        if self.do_sample and self.temperature == 0 and not isinstance(self.temperature, bool):
            raise LabError(
                "temperature_zero",
                "temperature must be in (0, 100] when do_sample is true, got 0",
                "For the most likely token each time (greedy), set do_sample to false",
                field="temperature",
                value=0,
                allowed="(0, 100]",
            )
        self._check("temperature", "in (0, 100]", lambda v: 0 < v <= 100)
        self._check("top_p", "in (0, 1]", lambda v: 0 < v <= 1)
        self._check("epsilon_cutoff", "in [0, 1)", lambda v: 0 <= v < 1)
        self._check("min_p", "in [0, 1)", lambda v: 0 <= v < 1)
        self._check("typical_p", "in (0, 1]", lambda v: 0 < v <= 1)
        self._check("top_k", "a whole number, 0 (off) or more", lambda v: v >= 0, whole=True)
        for name in ("max_new_tokens", "num_return_sequences"):
            self._check(name, "a whole number, 1 or more", lambda v: v >= 1, whole=True)
        rows = f"a whole number in [1, {MAX_ROWS}]"
        self._check("num_return_sequences", rows, lambda v: v <= MAX_ROWS, whole=True)
        self._check(
            "num_alternatives", "a whole number in [0, 50]", lambda v: 0 <= v <= 50, whole=True
        )
        if self.seed is None:
            object.__setattr__(self, "seed", secrets.randbelow(MAX_SEED + 1))
        self._check(
            "seed", "a whole number in [0, 4294967295]", lambda v: 0 <= v <= MAX_SEED, whole=True
        )
        if not self.do_sample and self.num_return_sequences > 1:
            raise LabError(
                "greedy_sequences",
                f"num_return_sequences must be 1 without sampling, got {self.num_return_sequences}",
                "Greedy decoding has one result; set do_sample to true for several",
                field="num_return_sequences",
                value=self.num_return_sequences,
                allowed="1",
            )
        stop = (self.stop,) if isinstance(self.stop, str) else self.stop
        if not isinstance(stop, Sequence) or len(stop) > 16:
            raise _refusal("stop", self.stop, "at most 16 strings")
        if not all(isinstance(s, str) and 0 < len(s) <= 200 for s in stop):
            raise _refusal("stop", self.stop, "strings of 1 to 200 characters")
        object.__setattr__(self, "stop", tuple(stop))

    def _check(self, name: str, allowed: str, holds, *, whole: bool = False) -> None:  # type: ignore[no-untyped-def]
        value = _number(name, getattr(self, name), allowed, whole=whole)
        if not holds(value):
            raise _refusal(name, value, allowed)
        object.__setattr__(self, name, int(value) if whole else float(value))


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """What a generated text must match as a whole, but for one blank before it.

    Made by `choice`, `regex` and `json_schema` of backend.constraint.
    """

    kind: Literal["choice", "regex", "json"]
    pattern: str  # a regular expression, in Rust's syntax


@dataclass(frozen=True)
class Request:
    """One prompt to continue.

    `prompt` as a string goes through the tokenizer with its special tokens, as it is; as a list of
    messages through the model's chat template with the generation prompt added.
    `model` empty: the loaded one. `prefix_ids`: tokens already decided, continued from. `tools`:
    what the chat template lists; a message of role "tool" is for a request that has them.
    `constraint`: the only texts that may come; it acts before temperature and filters.
    """

    prompt: str | Sequence[Message]
    params: SamplingParams
    model: str = field(default="", kw_only=True)
    prefix_ids: tuple[int, ...] = field(default=(), kw_only=True)
    constraint: Constraint | None = field(default=None, kw_only=True)
    person: str = field(default="", kw_only=True)
    operation: str = field(default="complete", kw_only=True)
    tools: tuple[Schema, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A token the model could have chosen: raw probability exp(logprob), `prob` after the filters.

    `removed_by` names the filter (or the constraint) that took it out, empty where it stayed.
    """

    token_id: int
    text: str
    logprob: float
    prob: float
    removed_by: RemovedBy


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenStep:
    """One generated token of one row.

    `text` is what became printable with it: empty while a byte sequence is incomplete or while the
    text may begin a stop string. `piece` is the vocabulary's own spelling, `data` its bytes.
    `logprob` is raw, `prob` after temperature and filters.
    """

    row: int
    token_id: int
    text: str
    piece: str
    data: bytes
    logprob: float
    prob: float
    alternatives: Sequence[Candidate] = ()
    finish_reason: FinishReason | None = None


@dataclass(frozen=True, kw_only=True)
class StreamUpdate:
    """What a page redraws at once: the steps since the last update, or what it waits for.

    A waiting stream gives one at least every second.
    """

    steps: tuple[TokenStep, ...] = ()
    waiting: Waiting = ""
    queue_position: int = 0  # requests ahead of this one in line
    expected_wait_s: float | None = None  # in line; None until something has been measured


@dataclass(frozen=True, kw_only=True)
class TokenRecord:
    """One token of a given text. `text` is its bytes as UTF-8, U+FFFD where they are not whole."""

    id: int
    token: str
    text: str
    bytes: list[int]
    special: bool = False


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A request's prompt as the model sees it."""

    text: str  # after the chat template where there is one
    ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one step between the model and the draw leaves of a distribution.

    `probabilities` add up to 1, zero where removed; `removed_mass` is what this step took of the
    distribution before it; `entropy` in bits.
    """

    name: str  # "given", "temperature", or a filter
    probabilities: Mapping[str, float]
    removed_mass: float
    entropy: float


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One finished row. `text` is the join of its steps' texts."""

    text: str
    steps: tuple[TokenStep, ...]
    finish_reason: FinishReason
    prompt_tokens: int


@dataclass(frozen=True, kw_only=True)
class RequestStats:
    """What one ended request cost; times in seconds, from time.monotonic."""

    operation: str
    model: str
    precision: str
    outcome: Outcome
    queue_wait_s: float
    ttft_s: float | None
    duration_s: float
    gaps_s: tuple[float, ...]  # between steps of the request
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, kw_only=True)
class EngineStats:
    """The scheduler's plain numbers at one moment."""

    state: Literal["idle", "loading", "ready", "failed"]
    detail: str  # what is loading, or why it failed
    current: str  # the model that requests without a name go to
    last_beat: float  # time.time of the model thread's last turn; 0 before its first
    announced: str  # what a long turn does, which is not mistaken for death; empty for a short one
    active_streams: int
    active_rows: int
    queue_depth: int
    steps_total: int
    restarts_total: int
    batch_sizes: tuple[int, ...]  # how many steps had 1, 2, ... rows
    kv_cache_bytes: Mapping[str, int]  # allocated, by model
    kv_cache_limit_bytes: int
    models: tuple["ModelInfo", ...]
    oom_total: int = 0  # requests, jobs and loads that ended for want of memory
    switching: str = ""  # the model and precision being loaded in place of the current one


@dataclass(frozen=True, kw_only=True)
class PrecisionSpec:
    """How weights are held: bits per quantised weight, and what loading them takes."""

    name: str
    bits: int
    dtype: Literal["float32", "float16", "bfloat16"]  # of what is not quantised
    quantization: Mapping[str, object] | None = None  # arguments of BitsAndBytesConfig


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A resident model, without its tensors."""

    model: str
    precision: str
    device: str
    weights_bytes: int
    quant_state_bytes: int
    load_s: float
    context: int  # positions
    vocab_size: int
    parameters: int
    has_chat_template: bool
    load_peak_bytes: int = 0  # the most that was allocated while loading; 0 where nothing counts it
