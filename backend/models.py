"""Load one model at one precision, and say what it takes."""

import gc
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from backend import hub
from backend.allowed import allowed_source
from backend.detokenizer import Vocabulary
from backend.device import cuda_fault, spread
from backend.errors import LabError, load_failed
from backend.llama import LeanLlama
from backend.precision import check_widths, precision
from backend.probe import agrees, honours_masks
from backend.row_faults import is_oom, load_oom
from backend.settings import Settings
from backend.types import Message, ModelInfo, PrecisionSpec, Prompt, Schema

if TYPE_CHECKING:
    from backend.automaton import Automaton

log = logging.getLogger(__name__)
SMALL = 30_000_000  # parameters; below that a second thread costs more than it brings
TORCH_THREADS = torch.get_num_threads()
# from_pretrained changes torch's defaults for the whole process while it builds a model, and two at
# once leave parameters without data. A job takes it without waiting, then loads: hence reentrant.
BUILDING = threading.RLock()


# config, precision and device of what is about to be loaded
MakeRoom = Callable[[PretrainedConfig, PrecisionSpec, torch.device], None]


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A resident model with all that a request needs of it."""

    info: ModelInfo
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    vocabulary: Vocabulary
    end_ids: frozenset[int]
    device: torch.device
    threads: int  # of the CPU, for this model's forwards
    lean: LeanLlama | None  # what runs its rows, where there is one and it agrees
    batches: bool  # rows of several requests can share a forward
    # a fast tokenizer refuses two threads at once when their truncation settings differ
    lock: threading.Lock = field(default_factory=threading.Lock)
    # by pattern, of the constraints tried last; they go with the model
    automata: "OrderedDict[str, Automaton]" = field(
        default_factory=OrderedDict, init=False, repr=False, compare=False
    )

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text with the model's own special tokens."""
        with self.lock:
            return list(self.tokenizer(text)["input_ids"])

    def render(self, messages: list[Message], tools: Sequence[Schema] = ()) -> Prompt:
        """Apply the chat template with the generation prompt. Raises LabError."""
        if not self.tokenizer.chat_template:
            raise LabError(
                "no_template",
                f"{self.info.model} has no chat template",
                "Choose a chat model, or send the prompt as plain text",
                model=self.info.model,
            )
        from jinja2 import TemplateError

        with self.lock:
            try:
                rendered = self.tokenizer.apply_chat_template(
                    [dict(message) for message in messages],
                    tools=[dict(tool) for tool in tools] or None,
                    add_generation_prompt=True,
                    tokenize=False,
                )
            except TemplateError as error:
                raise LabError(
                    "template",
                    f"the chat template refused the messages: {error}",
                    "Begin with at most one system message, then user and assistant in turn",
                    reason=str(error),
                ) from None
            text = str(rendered)
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return Prompt(text=text, ids=tuple(ids))


def placed(precision_name: str, settings: Settings) -> tuple[torch.device, PrecisionSpec]:
    """Return the device that models run on, and what a precision's name means there.

    Raises LabError.
    """
    wrong = cuda_fault() if settings.device != "cpu" else None
    there = settings.device != "cpu" and not wrong and torch.cuda.is_available()
    if settings.device == "cuda" and not there:
        raise wrong or LabError(
            "device_missing",
            "LAB_DEVICE=cuda, but torch sees no CUDA device",
            "Set LAB_DEVICE=auto, or check the driver",
        )
    device = torch.device("cuda" if there else "cpu")
    # a card before Ampere (T4) only emulates bf16, slowly; torch counts that as support
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if there else None
    return device, precision(precision_name, cuda_bf16=bf16)


def load(
    name: str,
    precision_name: str,
    settings: Settings,
    *,
    make_room: MakeRoom = lambda config, spec, device: None,
) -> LoadedModel:
    """Load a model; blocks for seconds. Raises LabError for what a person can mend.

    `make_room` is called before any weight is read, and raises where the model cannot fit.
    """
    source = allowed_source(name, settings)
    began = time.perf_counter()
    device, spec = placed(precision_name, settings)
    # bitsandbytes says at every int8 matrix product that it casts its input
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    options: dict[str, Any] = {"dtype": getattr(torch, spec.dtype)}
    if spec.quantization:
        options["quantization_config"] = BitsAndBytesConfig(**spec.quantization)
        options["device_map"] = str(device)
    if not Path(source).is_dir():
        source = str(hub.get(source))
    try:
        config = AutoConfig.from_pretrained(source, local_files_only=True)
        text_config = config.get_text_config(decoder=True)
        names = ("hidden_size", "intermediate_size")
        check_widths(spec, {n: getattr(text_config, n) for n in names if hasattr(text_config, n)})
        if several := device.type == "cuda" and spread(config.to_dict(), spec.name):
            options["device_map"] = "auto"
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
        make_room(config, spec, device)
        cards = range(torch.cuda.device_count() if several else int(device.type == "cuda"))
        for card in cards:
            torch.cuda.reset_peak_memory_stats(card)
        before = sum(map(torch.cuda.memory_allocated, cards))  # by other models
        with BUILDING:
            model = AutoModelForCausalLM.from_pretrained(source, local_files_only=True, **options)
        if "device_map" not in options:
            model = model.to(device)  # type: ignore[arg-type]  # its stub wants the model twice
        load_peak = sum(map(torch.cuda.max_memory_allocated, cards)) - before
        model.eval().requires_grad_(False)
        weights_bytes, quant_state_bytes = measure(model)  # its first forward moves int8's scales
        parameters = model.num_parameters()
        threads = settings.threads or (1 if parameters < SMALL else TORCH_THREADS)
        use_threads(threads)
        if (lean := None if several else LeanLlama.of(model)) and not agrees(lean, model):
            log.warning("the lean forward does not agree with %s: its own is used", name)
            lean = None
        # rows of a model on several cards run by its own cache, which follows its layers
        batches = lean is not None or (not several and honours_masks(model))
    except LabError:
        raise
    except Exception as error:  # of a model that anybody made: a KeyError, a broken file, ...
        model, lean = None, None
        full = is_oom(error)
        failure = load_oom(name, spec.name, device) if full else load_failed(name, spec.name, error)
        log.error("%s", failure.message, exc_info=not full)
    if model is None:  # outside the handler, whose frames hold what was loaded
        release()
        raise failure
    ends = model.generation_config.eos_token_id
    end_ids = frozenset([ends] if isinstance(ends, int) else ends or [])
    vocab_size = int(text_config.vocab_size)
    info = ModelInfo(
        model=name,
        precision=spec.name,
        device=str(device),
        weights_bytes=weights_bytes,
        quant_state_bytes=quant_state_bytes,
        load_s=time.perf_counter() - began,
        context=int(
            getattr(text_config, "max_position_embeddings", 0) or tokenizer.model_max_length
        ),
        vocab_size=vocab_size,
        parameters=parameters,
        load_peak_bytes=load_peak,
        has_chat_template=bool(tokenizer.chat_template),
    )
    return LoadedModel(
        info=info,
        model=model,
        tokenizer=tokenizer,
        vocabulary=Vocabulary(tokenizer, vocab_size),
        end_ids=end_ids,
        device=device,
        threads=threads,
        lean=lean,
        batches=batches,
    )


def building() -> Iterator[None]:
    """Yield None until nobody else builds a model, then hold that for this thread.

    For a job, which must not wait on the model thread: `yield from building()`, then load and
    `BUILDING.release()` before the next yield.
    """
    while not BUILDING.acquire(timeout=0.01):
        yield None


def use_threads(threads: int) -> None:
    """Set the CPU threads of the forwards that this thread runs next."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def measure(model: PreTrainedModel) -> tuple[int, int]:
    """Return the bytes of weights and of quantisation state that the model holds.

    `get_memory_footprint` leaves out the quantisation state (scales, code books, their own scales).
    """
    seen: set[int] = set()
    weights = state = 0
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.data_ptr() not in seen:  # tied embeddings are held once
            seen.add(tensor.data_ptr())
            weights += tensor.nbytes
        if (quant := getattr(tensor, "quant_state", None)) is not None:
            parts = [quant.absmax, quant.code, quant.offset]
            if quant.nested:
                parts += [quant.state2.absmax, quant.state2.code]
            state += sum(part.nbytes for part in parts if part is not None)
        if (scales := getattr(tensor, "SCB", None)) is not None:  # int8: one scale per row
            state += scales.nbytes
    return weights, state


def release() -> None:
    """Return freed memory to the device after a model has been dropped.

    What is left is frozen: a full collection in mid-step would stop every stream meanwhile.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
