"""MODELS: what is known of a model before it is loaded. One row is one model.

Shapes are those of each model's config.json; a test holds them to the known parameter counts.
The pocket models' shapes are read from their folders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """The widths of a decoder of the Llama family, by their names in config.json."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    vocab_size: int
    max_position_embeddings: int
    head_dim: int = 128
    tie_word_embeddings: bool = False
    qkv_bias: bool = False


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A known model. `path` is set for those that lie in the repository."""

    id: str
    kind: Literal["base", "chat"]
    licence: str
    parameters: int
    gated: bool = False
    has_system_role: bool = False
    path: Path | None = None
    shape: ModelShape | None = None

    @property
    def source(self) -> str:
        """What `from_pretrained` takes: a folder or a hub id."""
        return str(self.path) if self.path else self.id


LLAMA_2_7B = ModelShape(
    hidden_size=4096,
    intermediate_size=11008,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    vocab_size=32000,
    max_position_embeddings=4096,
)
LLM_JP_3_1_8B = ModelShape(
    hidden_size=2048,
    intermediate_size=7168,
    num_hidden_layers=24,
    num_attention_heads=16,
    num_key_value_heads=16,
    vocab_size=99584,
    max_position_embeddings=4096,
)
_ENTRIES = (
    CatalogEntry(
        id="pocket-chat",
        kind="chat",
        licence="as this repository",
        parameters=3_049_920,
        has_system_role=True,
        path=ROOT / "pocket" / "weights" / "chat",
    ),
    CatalogEntry(
        id="pocket-base",
        kind="base",
        licence="as this repository",
        parameters=3_049_920,
        path=ROOT / "pocket" / "weights" / "base",
    ),
    CatalogEntry(
        id="pocket-dpo",  # pocket-chat after preference tuning
        kind="chat",
        licence="as this repository",
        parameters=3_049_920,
        has_system_role=True,
        path=ROOT / "pocket" / "weights" / "dpo",
    ),
    CatalogEntry(
        id="meta-llama/Llama-2-7b-chat-hf",
        kind="chat",
        licence="Llama 2 Community",
        parameters=6_738_415_616,
        shape=LLAMA_2_7B,
        gated=True,
        has_system_role=True,
    ),
    CatalogEntry(
        id="meta-llama/Llama-2-7b-hf",
        kind="base",
        licence="Llama 2 Community",
        parameters=6_738_415_616,
        shape=LLAMA_2_7B,
        gated=True,
    ),
    CatalogEntry(
        id="meta-llama/Llama-2-13b-chat-hf",
        kind="chat",
        licence="Llama 2 Community",
        parameters=13_015_864_320,
        gated=True,
        has_system_role=True,
        shape=ModelShape(
            hidden_size=5120,
            intermediate_size=13824,
            num_hidden_layers=40,
            num_attention_heads=40,
            num_key_value_heads=40,
            vocab_size=32000,
            max_position_embeddings=4096,
        ),
    ),
    CatalogEntry(
        id="meta-llama/Llama-2-70b-chat-hf",
        kind="chat",
        licence="Llama 2 Community",
        parameters=68_976_648_192,
        gated=True,
        has_system_role=True,
        shape=ModelShape(
            hidden_size=8192,
            intermediate_size=28672,
            num_hidden_layers=80,
            num_attention_heads=64,
            num_key_value_heads=8,
            vocab_size=32000,
            max_position_embeddings=4096,
        ),
    ),
    CatalogEntry(
        id="meta-llama/Llama-3.1-8B-Instruct",
        kind="chat",
        licence="Llama 3.1 Community",
        parameters=8_030_261_248,
        gated=True,
        has_system_role=True,
        shape=ModelShape(
            hidden_size=4096,
            intermediate_size=14336,
            num_hidden_layers=32,
            num_attention_heads=32,
            num_key_value_heads=8,
            vocab_size=128256,
            max_position_embeddings=131072,
        ),
    ),
    CatalogEntry(
        id="TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        kind="chat",
        licence="Apache 2.0",
        parameters=1_100_048_384,
        has_system_role=True,
        shape=ModelShape(
            hidden_size=2048,
            intermediate_size=5632,
            num_hidden_layers=22,
            num_attention_heads=32,
            num_key_value_heads=4,
            vocab_size=32000,
            max_position_embeddings=2048,
            head_dim=64,
        ),
    ),
    CatalogEntry(
        id="llm-jp/llm-jp-3-1.8b",
        kind="base",
        licence="Apache 2.0",
        parameters=1_867_614_208,
        shape=LLM_JP_3_1_8B,
    ),
    CatalogEntry(
        id="HuggingFaceTB/SmolLM2-135M-Instruct",
        kind="chat",
        licence="Apache 2.0",
        parameters=134_515_008,
        has_system_role=True,
        shape=ModelShape(
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=30,
            num_attention_heads=9,
            num_key_value_heads=3,
            vocab_size=49152,
            max_position_embeddings=8192,
            head_dim=64,
            tie_word_embeddings=True,
        ),
    ),
    CatalogEntry(
        id="llm-jp/llm-jp-3-150m-instruct3",
        kind="chat",
        licence="Apache 2.0",
        parameters=152_318_464,
        has_system_role=True,
        shape=ModelShape(
            hidden_size=512,
            intermediate_size=2048,
            num_hidden_layers=12,
            num_attention_heads=8,
            num_key_value_heads=8,
            vocab_size=99584,
            max_position_embeddings=4096,
            head_dim=64,
        ),
    ),
    CatalogEntry(
        id="llm-jp/llm-jp-3-1.8b-instruct3",
        kind="chat",
        licence="Apache 2.0",
        parameters=1_867_614_208,
        has_system_role=True,
        shape=LLM_JP_3_1_8B,
    ),
    CatalogEntry(
        id="google/gemma-2b-it",  # its template refuses a system message
        kind="chat",
        licence="Gemma",
        parameters=2_506_172_416,
        gated=True,
        shape=ModelShape(
            hidden_size=2048,
            intermediate_size=16384,
            num_hidden_layers=18,
            num_attention_heads=8,
            num_key_value_heads=1,
            vocab_size=256000,
            max_position_embeddings=8192,
            head_dim=256,
            tie_word_embeddings=True,
        ),
    ),
    CatalogEntry(
        id="Qwen/Qwen2.5-0.5B-Instruct",
        kind="chat",
        licence="Apache 2.0",
        parameters=494_032_768,
        has_system_role=True,
        shape=ModelShape(
            hidden_size=896,
            intermediate_size=4864,
            num_hidden_layers=24,
            num_attention_heads=14,
            num_key_value_heads=2,
            vocab_size=151936,
            max_position_embeddings=32768,
            head_dim=64,
            tie_word_embeddings=True,
            qkv_bias=True,
        ),
    ),
    CatalogEntry(
        id="Qwen/Qwen2.5-7B-Instruct",
        kind="chat",
        licence="Apache 2.0",
        parameters=7_615_616_512,
        has_system_role=True,
        shape=ModelShape(
            hidden_size=3584,
            intermediate_size=18944,
            num_hidden_layers=28,
            num_attention_heads=28,
            num_key_value_heads=4,
            vocab_size=152064,
            max_position_embeddings=32768,
            qkv_bias=True,
        ),
    ),
)
MODELS: Mapping[str, CatalogEntry] = {entry.id: entry for entry in _ENTRIES}
POCKET = tuple(entry.id for entry in _ENTRIES if entry.path)
