"""llama.cpp on a folder of Llama weights: written as GGUF in fp32, decoded as one batch.

Its C interface is called directly (llama_decode on all sequences, one sampler chain for each): the
`Llama` class of llama-cpp-python runs one sequence at a time.
"""

import ctypes
from pathlib import Path

import gguf
import llama_cpp as c
import torch
from transformers import AutoModelForCausalLM

NAMES = {  # ours in a layer: llama.cpp's
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorder a query or key projection: llama.cpp turns neighbours, transformers halves."""
    out, into = weight.shape
    return weight.view(heads, 2, out // heads // 2, into).transpose(1, 2).reshape(out, into)


def write_gguf(folder: str, path: Path) -> None:
    """Write a Llama folder with tied embeddings as fp32 GGUF without a vocabulary."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    config, weights = model.config, model.state_dict()
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(config.max_position_embeddings)
    out.add_embedding_length(config.hidden_size)
    out.add_block_count(config.num_hidden_layers)
    out.add_feed_forward_length(config.intermediate_size)
    out.add_head_count(config.num_attention_heads)
    out.add_head_count_kv(config.num_key_value_heads)
    out.add_layer_norm_rms_eps(config.rms_norm_eps)
    out.add_rope_freq_base(config.rope_parameters["rope_theta"])
    out.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    out.add_vocab_size(config.vocab_size)
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("none")

    def add(name: str, tensor: torch.Tensor) -> None:
        out.add_tensor(f"{name}.weight", tensor.contiguous().numpy())

    add("token_embd", weights["model.embed_tokens.weight"])
    add("output_norm", weights["model.norm.weight"])
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for layer in range(config.num_hidden_layers):
        for ours, theirs in NAMES.items():
            weight = weights[f"model.layers.{layer}.{ours}.weight"]
            if theirs in heads:
                weight = interleaved(weight, heads[theirs])
            add(f"blk.{layer}.{theirs}", weight)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def quiet(level: int, text: bytes, data: int) -> None:
    """Drop llama.cpp's log."""


class LlamaCpp:
    """One model and a context of so many sequences, on one thread.

    Its cache is in fp16, as llama.cpp's own default has it: faster here than in fp32.
    """

    def __init__(self, path: Path, *, sequences: int, positions: int, end: int) -> None:
        c.llama_log_set(quiet, ctypes.c_void_p(0))
        c.llama_backend_init()
        self.end = end
        self.model = c.llama_model_load_from_file(
            str(path).encode(), c.llama_model_default_params()
        )
        params = c.llama_context_default_params()
        params.n_ctx, params.n_seq_max = sequences * positions, sequences
        params.n_batch = params.n_ubatch = 512
        params.n_threads = params.n_threads_batch = 1
        self.context = c.llama_init_from_model(self.model, params)
        self.batch = c.llama_batch_init(512, 0, 1)

    def _put(self, tokens: list[tuple[int, int, int, bool]]) -> None:
        """Run tokens, each with position, sequence and whether its logits are wanted."""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, (token, position, sequence, wanted) in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position, wanted
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
        if c.llama_decode(self.context, batch):
            raise RuntimeError("llama_decode failed")

    def _chain(self, seed: int, temperature: float, top_p: float) -> ctypes.c_void_p:
        chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        parts = (
            [
                c.llama_sampler_init_temp(temperature),
                c.llama_sampler_init_top_p(top_p, 1),
                c.llama_sampler_init_dist(seed),
            ]
            if temperature
            else [c.llama_sampler_init_greedy()]
        )
        for part in parts:
            c.llama_sampler_chain_add(chain, part)
        return chain

    def generate(
        self, ids: list[int], rows: int, new: int, temperature: float = 0.0, top_p: float = 1.0
    ) -> list[list[int]]:
        """Continue one prompt `rows` times, up to and with the end token; temperature 0: greedy."""
        c.llama_memory_clear(c.llama_get_memory(self.context), True)
        chains = [self._chain(seed, temperature, top_p) for seed in range(rows)]
        drawn: list[list[int]] = [[] for _ in range(rows)]
        going = list(range(rows))
        last = len(ids) - 1
        self._put([(t, at, row, at == last) for row in going for at, t in enumerate(ids)])
        places = [row * len(ids) + last for row in going]
        while True:
            for row, place in zip(going, places):
                drawn[row].append(c.llama_sampler_sample(chains[row], self.context, place))
            going = [r for r in going if drawn[r][-1] != self.end and len(drawn[r]) < new]
            if not going:
                break
            self._put([(drawn[r][-1], last + len(drawn[r]), r, True) for r in going])
            places = list(range(len(going)))
        for chain in chains:
            c.llama_sampler_free(chain)
        return drawn

    def close(self) -> None:
        """Free everything."""
        c.llama_batch_free(self.batch)
        c.llama_free(self.context)
        c.llama_model_free(self.model)
