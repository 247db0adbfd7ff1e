"""The Llama family's forward: what is inside the model, and what the engine runs.

Touvron et al. (2023), "LLaMA: Open and Efficient Foundation Language Models": RMSNorm before each
block (Zhang & Sennrich, 2019), rotary positions (Su et al., 2021), SwiGLU (Shazeer, 2020), and
since Llama 2 grouped-query attention (Ainslie et al., 2023). It runs on the weights of a
transformers model, in the same memory, and computes the same logits but for rounding.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import nn
from transformers import LlamaForCausalLM, PreTrainedModel

from backend.matmul import linear, plus


class KVCache(Protocol):
    """What attention asks of a cache; transformers' `Cache` has it."""

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, /
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store (rows, kv_heads, n, head_dim); return all that is seen, along n."""
        ...


Part = tuple[slice, KVCache, torch.Tensor | None]  # rows, their cache, what they may see
Fused = tuple[torch.Tensor, torch.Tensor | None]  # (out, in) weight; (out,) bias


class Layer(NamedTuple):
    """One layer's weights, in the order of use."""

    attention_norm: torch.Tensor
    qkv: Fused
    out: Fused
    mlp_norm: torch.Tensor
    gate_up: Fused
    down: Fused


class Span(NamedTuple):
    """A part's place among the tokens."""

    tokens: slice
    rows: int
    n: int
    cache: KVCache
    bias: torch.Tensor | None  # added to the scores


def fuse(*linears: nn.Module) -> Fused:
    """Return one (out, in) weight and one bias for layers that read the same input.

    The layers' own parameters become views of it: the memory is held once.
    """
    fused: dict[str, torch.Tensor] = {}
    for name in ("weight", "bias"):
        parameters = [getattr(linear, name) for linear in linears]
        if parameters[0] is None:
            continue
        fused[name] = torch.cat([parameter.data for parameter in parameters])
        for parameter, view in zip(parameters, fused[name].split([len(p) for p in parameters])):
            parameter.data = view
    return fused["weight"], fused.get("bias")


class LeanLlama:
    """All rows go through the linear layers at once; attention runs part by part."""

    def __init__(self, model: LlamaForCausalLM) -> None:
        config, decoder = model.config, model.model
        self.heads: int = config.num_attention_heads
        self.kv_heads = int(config.num_key_value_heads or config.num_attention_heads)
        self.head_dim: int = decoder.layers[0].self_attn.head_dim
        self.eps: float = config.rms_norm_eps
        self.embedding = decoder.embed_tokens.weight.data  # (vocab, hidden)
        self.norm = decoder.norm.weight.data
        self.head = model.lm_head.weight.data  # (vocab, hidden); often the embedding itself
        self.layers = [
            Layer(
                attention_norm=layer.input_layernorm.weight.data,
                qkv=fuse(layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
                out=fuse(layer.self_attn.o_proj),
                mlp_norm=layer.post_attention_layernorm.weight.data,
                gate_up=fuse(layer.mlp.gate_proj, layer.mlp.up_proj),
                down=fuse(layer.mlp.down_proj),
            )
            for layer in decoder.layers
        ]
        rotary = decoder.rotary_emb
        positions = torch.arange(config.max_position_embeddings, device=rotary.inv_freq.device)
        angle = positions[:, None].float() * rotary.inv_freq.float()  # (positions, head_dim / 2)
        cos, sin = angle.cos() * rotary.attention_scaling, angle.sin() * rotary.attention_scaling
        # (positions, 2, 1, head_dim): cosines, and sines with the sign that a half gets
        table = torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)], 1)
        self.rotary = table[:, :, None].to(model.dtype)

    @classmethod
    def of(cls, model: PreTrainedModel) -> "LeanLlama | None":
        """Return the lean forward of a model, or None where it is not a plain Llama."""
        if type(model) is not LlamaForCausalLM:
            return None
        config = model.config
        linears = [m for m in model.modules() if "Linear" in type(m).__name__]
        plain = (
            config.hidden_act == "silu"
            and getattr(config, "pretraining_tp", 1) == 1
            and config._attn_implementation in ("sdpa", "eager")
            and model.model.rotary_emb.rope_type in ("default", "linear", "llama3", "yarn")
            and all(type(linear) is nn.Linear for linear in linears)
            and len({parameter.dtype for parameter in model.parameters()}) == 1
            and len({parameter.device for parameter in model.parameters()}) == 1
        )
        return cls(model) if plain else None

    def __call__(
        self, ids: torch.Tensor, positions: torch.Tensor, parts: Sequence[Part]
    ) -> torch.Tensor:
        """Return (rows, vocab) logits in fp32 of every row's last position.

        `ids`, `positions`: (rows, n). `parts` cover the rows in order; a mask is (rows, 1, n, seen)
        bool, True may be looked at. Rows of several lengths go as ids of (tokens, 1): a mask of
        (1, 1, 30, seen) then makes a part of 30 tokens one row.
        """
        spans = [self._span(part, ids.shape[-1]) for part in parts]
        cos, sin = self.rotary[positions.flatten()].unbind(1)  # (tokens, 1, head_dim)
        x = self.embedding[ids.flatten()]  # (tokens, hidden)
        for index, layer in enumerate(self.layers):
            qkv = linear(self._normed(x, layer.attention_norm), *layer.qkv)
            x = plus(x, self._attention(qkv, cos, sin, index, spans), *layer.out)
            gate, up = linear(self._normed(x, layer.mlp_norm), *layer.gate_up).chunk(2, -1)
            x = plus(x, F.silu(gate).mul_(up), *layer.down)
        last = torch.cat([x[span.tokens][span.n - 1 :: span.n] for span in spans])
        return linear(self._normed(last, self.norm), self.head).float()

    def _span(self, part: Part, width: int) -> Span:
        place, cache, mask = part
        tokens = slice(place.start * width, place.stop * width)
        rows = place.stop - place.start if mask is None else mask.shape[0]
        n = (tokens.stop - tokens.start) // rows
        if mask is None:
            return Span(tokens, rows, n, cache, None)
        bias = torch.zeros(mask.shape, dtype=self.norm.dtype, device=mask.device)
        bias.masked_fill_(~mask, float("-inf"))
        # the heads of a group are further queries of their KV head
        return Span(tokens, rows, n, cache, bias.repeat(1, 1, self.heads // self.kv_heads, 1))

    def _normed(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, weight.shape, weight, self.eps)

    def _attention(
        self,
        qkv: torch.Tensor,  # (tokens, (heads + 2 kv_heads) head_dim)
        cos: torch.Tensor,
        sin: torch.Tensor,
        layer: int,
        spans: list[Span],
    ) -> torch.Tensor:
        """Return (tokens, heads * head_dim)."""
        qkv = qkv.view(len(qkv), -1, self.head_dim)
        qk, v = qkv.split([self.heads + self.kv_heads, self.kv_heads], 1)
        qk = (qk * cos).addcmul_(qk.roll(self.head_dim // 2, -1), sin)
        q, k = qk.split([self.heads, self.kv_heads], 1)
        found = []
        for tokens, rows, n, cache, bias in spans:
            k_new, v_new = (t[tokens].view(rows, n, -1, self.head_dim) for t in (k, v))
            keys, values = cache.update(k_new.transpose(1, 2), v_new.transpose(1, 2), layer)
            # the heads of a group are queries of one KV head: (rows, kv_heads, group * n, head_dim)
            if n == 1:
                mine = q[tokens].view(rows, self.kv_heads, -1, self.head_dim)
                seen = F.scaled_dot_product_attention(mine, keys, values, bias)
            else:
                mine = q[tokens].view(rows, n, self.kv_heads, -1, self.head_dim)
                mine = mine.permute(0, 2, 3, 1, 4).flatten(2, 3)
                seen = F.scaled_dot_product_attention(mine, keys, values, bias)
                seen = seen.view(rows, self.kv_heads, -1, n, self.head_dim).permute(0, 3, 1, 2, 4)
            found.append(seen.reshape(rows * n, -1))
        return torch.cat(found) if len(found) > 1 else found[0]
