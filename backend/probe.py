"""What a model is asked once, when it is loaded: do rows that share a forward get their own logits?

The rows are of different lengths, in a slot KV cache whose other positions hold numbers that would
show. Each row's reference is the model's own forward on that row alone.
"""

import logging
from collections.abc import Callable

import torch
from transformers import PreTrainedModel

from backend.kv_cache import DecodeWindow, PromptWindow, SlotCache, Window
from backend.llama import LeanLlama

log = logging.getLogger(__name__)

LENGTHS = (4, 7)  # tokens of the rows
# |found - reference| / |reference - its mean|, as norms: rounding gives about 1e-6 in fp32 and 0.01
# in bf16; a row that sees another's positions, or too many of its own, about 1
MOST_ERROR = {torch.float32: 1e-3}
MOST_ERROR_16_BIT = 0.1
Run = Callable[[torch.Tensor, torch.Tensor, Window, torch.Tensor], torch.Tensor]


def agrees(lean: LeanLlama, model: PreTrainedModel) -> bool:
    """Return whether the lean forward's logits are the model's own but for rounding."""
    return _right(
        model, lambda ids, at, window, mask: lean(ids, at, [(slice(0, len(ids)), window, mask)])
    )


def honours_masks(model: PreTrainedModel) -> bool:
    """Return whether a model reads a 4-D mask, position_ids and our cache, at any length.

    Else rows of different lengths cannot share its forward. A sliding window cannot be told by a
    short probe: an explicit mask takes its place.
    """
    config = model.config.get_text_config(decoder=True)
    context = getattr(config, "max_position_embeddings", None) or 0
    for name in ("sliding_window", "attention_chunk_size"):
        if 0 < (getattr(config, name, None) or 0) < context:
            return False

    def run(
        ids: torch.Tensor, positions: torch.Tensor, window: Window, mask: torch.Tensor
    ) -> torch.Tensor:
        found = model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=window,
            use_cache=True,
        )
        return found.logits[:, -1].float()

    return _right(model, run)


@torch.inference_mode()
def _right(model: PreTrainedModel, run: Run) -> bool:
    """Return whether `run` gives each row the logits that it has alone; nothing is raised."""
    limit = MOST_ERROR.get(model.dtype, MOST_ERROR_16_BIT)
    try:
        config = model.config.get_text_config(decoder=True)
        texts = [torch.arange(n, device=model.device) * 37 % config.vocab_size for n in LENGTHS]
        alone = [model(input_ids=ids[None]).logits[0].float() for ids in texts]
        slots = SlotCache(config, 2 * max(LENGTHS), dtype=model.dtype, device=model.device)
        slots.resize(len(texts), 0)
        for tensor in (*slots.keys, *slots.values):
            tensor.fill_(1)
        pairs = []
        for slot, (ids, own) in enumerate(zip(texts, alone)):
            n = len(ids) - 1  # the prompt; the last token is decoded with the others'
            positions = torch.arange(n, device=model.device)
            mask = torch.ones(n, n, dtype=torch.bool, device=model.device).tril()[None, None]
            prompt = PromptWindow(slots, slot, 0, n)
            pairs.append((run(ids[None, :n], positions[None], prompt, mask)[0], own[-2]))
        lengths = torch.tensor([len(ids) - 1 for ids in texts], device=model.device)
        longest = max(LENGTHS) - 1
        mask = torch.arange(longest + 1, device=model.device) <= lengths[:, None]
        last = torch.stack([ids[-1:] for ids in texts])
        decode = DecodeWindow(slots, lengths, longest, 0)
        found = run(last, lengths[:, None], decode, mask[:, None, None])
        pairs += zip(found, (own[-1] for own in alone))
        errors = [float((a - b).norm() / (b - b.mean()).norm()) for a, b in pairs]
    except Exception as error:
        log.info("%s cannot run rows together: %s", type(model).__name__, error)
        return False
    log.debug("%s: errors of the probe %s", type(model).__name__, errors)
    return all(error < limit for error in errors)  # False for NaN too
