"""What a model takes in memory, from its shape alone: shapes in, bytes out, nothing loaded.

Bytes per parameter of a quantised linear layer (bitsandbytes; Dettmers et al. 2022, 2023): int8 one
and an fp32 scale per row; 4-bit half and an fp32 scale per block of 64; with double quantisation an
int8 scale per block, and an fp32 scale per 256 of those. Embeddings, norms and head stay whole.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backend.catalog import MODELS, ModelShape
from backend.errors import LabError
from backend.precision import precision as named_precision
from backend.types import PrecisionSpec

FAMILY = ("llama", "mistral", "qwen2", "gemma")  # model types whose layers are counted here
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
CUBLAS_BYTES = 8320 * 1024  # torch's matrix workspace: 2 x 4096 KiB + 8 x 16 KiB (32 MiB on Hopper)
BLOCK, NESTED_BLOCK = 64, 256  # weights that share a 4-bit scale; scales that share a scale
CODE_4BIT, CODE_NESTED, OFFSET = 16 * 4, 256 * 4, 4  # bytes of bitsandbytes' tables, per layer
LONGEST = 2**24  # positions


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes by term. `activations_bytes`: a prefill of the whole context at once.

    `workspace_bytes`: cuBLAS, on CUDA alone. `load_peak_bytes`: what a quantised load holds at its
    fullest, half the 16-bit model, which transformers 4 set aside first (recorded; 5 needs less).
    """

    weights_bytes: int
    quant_state_bytes: int
    kv_cache_bytes: int
    activations_bytes: int
    workspace_bytes: int
    load_peak_bytes: int

    @property
    def total_bytes(self) -> int:
        """What the model holds while it runs, the device's workspace apart."""
        return (
            self.weights_bytes
            + self.quant_state_bytes
            + self.kv_cache_bytes
            + self.activations_bytes
        )

    @property
    def allocated_bytes(self) -> int:
        """What stays allocated on CUDA once a run has ended: the course's "allocated"."""
        return self.weights_bytes + self.quant_state_bytes + self.workspace_bytes

    @property
    def peak_bytes(self) -> int:
        """The most at any moment on CUDA, loading included: what must fit."""
        return max(self.load_peak_bytes, self.total_bytes + self.workspace_bytes)


def estimate(
    model: str | ModelShape | Mapping[str, object],
    precision: str,
    *,
    context: int = 0,
    sequences: int = 1,
) -> MemoryEstimate:
    """Estimate a catalogue id, a shape or a config.json's table at a precision. Raises LabError.

    `context`: positions held in the KV cache per sequence, prompt and new tokens; 0: weights alone.
    `sequences`: rows at once; returned sequences and beams count.
    """
    shape, spec = shape_of(model), named_precision(precision, cuda_bf16=True)
    context = _whole("context", context, 0, LONGEST)
    sequences = _whole("sequences", sequences, 1, 65536)
    width, matrices = BYTES[spec.dtype], list(linears(shape))
    weights = width * (parameters(shape) - sum(rows * cols for rows, cols in matrices))
    weights += 4 * shape.head_dim  # two fp32 tables of rotary frequencies
    state = 0
    for rows, cols in matrices:
        held, scales = linear_bytes(rows, cols, spec)
        weights, state = weights + held, state + scales
    kv = 2 * shape.num_hidden_layers * shape.num_key_value_heads * shape.head_dim
    kv *= context * sequences * width
    tokens = context * sequences
    activations = width * tokens * (4 * shape.hidden_size + 3 * shape.intermediate_size)
    if tokens:
        activations += 4 * sequences * shape.vocab_size  # the last position's logits, in fp32
    if tokens and spec.bits == 4:  # one matrix at a time is written out again in 16 bit
        activations += width * max(rows * cols for rows, cols in matrices)
    return MemoryEstimate(
        weights_bytes=weights,
        quant_state_bytes=state,
        kv_cache_bytes=kv,
        activations_bytes=activations,
        workspace_bytes=CUBLAS_BYTES,
        load_peak_bytes=parameters(shape) * 2 // 2 if spec.quantization else weights,
    )


def largest_context(
    model: str | ModelShape | Mapping[str, object],
    precision: str,
    *,
    memory_bytes: int,
    sequences: int = 1,
) -> int:
    """Return the most positions per sequence whose peak fits; 0 where not even loading does.

    More than the model was trained for may fit: compare with `max_position_embeddings`.
    """
    one, two = (
        estimate(model, precision, context=n, sequences=sequences) for n in (1, 2)
    )  # from the first position on, each takes the same
    left = memory_bytes - one.total_bytes - one.workspace_bytes
    if left < 0 or one.load_peak_bytes > memory_bytes:
        return 0
    return min(1 + left // (two.total_bytes - one.total_bytes), LONGEST)


def linears(shape: ModelShape) -> Iterator[tuple[int, int]]:
    """Yield (outputs, inputs) of every linear layer that is quantised: all but the head."""
    hidden, inner = shape.hidden_size, shape.intermediate_size
    queries = shape.num_attention_heads * shape.head_dim
    keys = shape.num_key_value_heads * shape.head_dim
    for _ in range(shape.num_hidden_layers):
        yield from ((queries, hidden), (keys, hidden), (keys, hidden), (hidden, queries))
        yield from ((inner, hidden), (inner, hidden), (hidden, inner))


def parameters(shape: ModelShape) -> int:
    """Return how many parameters the model has."""
    hidden, layers = shape.hidden_size, shape.num_hidden_layers
    count = sum(rows * cols for rows, cols in linears(shape))
    count += hidden * (2 * layers + 1)  # norms
    count += shape.vocab_size * hidden * (1 if shape.tie_word_embeddings else 2)
    if shape.qkv_bias:
        heads = shape.num_attention_heads + 2 * shape.num_key_value_heads
        count += layers * heads * shape.head_dim
    return count


def shape_of(model: str | ModelShape | Mapping[str, object]) -> ModelShape:
    """Return the widths of a catalogue model or of a config.json's table. Raises LabError."""
    if isinstance(model, ModelShape):
        return model
    if isinstance(model, Mapping):
        return _from_config(model)
    entry = MODELS.get(model) if isinstance(model, str) else None
    if entry and entry.shape:
        return entry.shape
    if entry and entry.path:
        return _from_config(json.loads((entry.path / "config.json").read_text("utf-8")))
    allowed = ", ".join(MODELS)
    message = f"the shape of {model!r:.80} is not known; known: {allowed}"
    raise LabError("shape_unknown", message, field="model", value=str(model)[:80], allowed=allowed)


def _from_config(config: Mapping[str, object]) -> ModelShape:
    kind = config.get("model_type")
    if kind not in FAMILY:
        allowed = ", ".join(FAMILY)
        message = f"model_type {kind!r:.80} is not counted here; counted: {allowed}"
        raise LabError(
            "shape_unknown", message, field="model_type", value=str(kind)[:80], allowed=allowed
        )
    heads, hidden = _width(config, "num_attention_heads"), _width(config, "hidden_size")
    tied = config.get("tie_word_embeddings")
    return ModelShape(
        hidden_size=hidden,
        intermediate_size=_width(config, "intermediate_size"),
        num_hidden_layers=_width(config, "num_hidden_layers"),
        num_attention_heads=heads,
        num_key_value_heads=_width(config, "num_key_value_heads", heads),
        vocab_size=_width(config, "vocab_size"),
        max_position_embeddings=_width(config, "max_position_embeddings"),
        head_dim=_width(config, "head_dim", hidden // heads),
        tie_word_embeddings=kind == "gemma" if tied is None else bool(tied),  # as transformers
        qkv_bias=kind == "qwen2",
    )


def _width(config: Mapping[str, object], name: str, default: int | None = None) -> int:
    """Return a number of a config.json, which anybody may have written. Raises LabError."""
    value = config.get(name)
    return _whole(name, default if value is None else value, 1, 2**31)


def linear_bytes(rows: int, cols: int, spec: PrecisionSpec) -> tuple[int, int]:
    """Return bytes of one layer's weights and of its quantisation state."""
    n = rows * cols
    if spec.bits >= 16:
        return n * BYTES[spec.dtype], 0
    if spec.bits == 8:
        return n, 4 * rows
    blocks = math.ceil(n / BLOCK)
    if not (spec.quantization or {}).get("bnb_4bit_use_double_quant"):
        return math.ceil(n / 2), 4 * blocks + CODE_4BIT
    nested = 4 * math.ceil(blocks / NESTED_BLOCK) + CODE_NESTED + OFFSET
    return math.ceil(n / 2), blocks + nested + CODE_4BIT


def _whole(name: str, value: object, low: int, high: int) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or not low <= value <= high:  # type: ignore[operator]
        allowed, shown = f"a whole number in [{low}, {high}]", repr(value)[:80]
        message = f"{name} must be {allowed}, got {shown}"
        raise LabError("out_of_range", message, field=name, value=shown, allowed=allowed)
    return int(value)  # type: ignore[call-overload]
