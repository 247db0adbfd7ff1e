"""Which settings act in a call of transformers: the call's own, the model file's, or a default.

Order of transformers 5.23 (generation/utils.py `_prepare_generation_config`, pipelines/base.py
`_prepare_generate_kwargs`): call, the model's generation_config.json, the pipeline's defaults
(those of sampling only when it samples), the library's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Source = Literal["call", "file", "pipeline", "library"]
SOURCES: tuple[Source, ...] = get_args(Source)
SHOWN = ("do_sample", "temperature", "top_k", "top_p", "epsilon_cutoff", "max_new_tokens")
SAMPLING = ("temperature", "top_k", "top_p", "epsilon_cutoff")
# meta-llama/Llama-2-7b-chat-hf's generation_config.json, recorded
LLAMA_2_CHAT: Mapping[str, object] = {
    "do_sample": True, "temperature": 0.6, "top_p": 0.9, "max_length": 4096,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What each source says of one setting, and which acts; `acts` is None where nothing does."""

    name: str
    says: Mapping[Source, object]
    acts: Source | None

    @property
    def value(self) -> object:
        """What the call runs with."""
        return self.says[self.acts] if self.acts else None


def effective(
    call: Mapping[str, object], file: Mapping[str, object], *, pipeline: bool
) -> list[Setting]:
    """Return the settings of SHOWN for a call with the arguments `call`.

    `file` is the model's generation_config as `to_diff_dict` gives it. Imports transformers.
    """
    says: dict[Source, Mapping[str, object]] = {
        "call": call,
        "file": file,
        "pipeline": pipeline_defaults() if pipeline else {},
        "library": library_defaults(),
    }
    samples = next(says[s]["do_sample"] for s in SOURCES if "do_sample" in says[s])
    settings = []
    for name in SHOWN:
        found = {s: says[s][name] for s in SOURCES if says[s].get(name) is not None}
        if name == "max_new_tokens" and "max_length" in {**file, **call}:
            found.pop("pipeline", None)  # it would overrule a max_length that somebody has set
        order = [s for s in found if samples or s != "pipeline" or name not in SAMPLING]
        settings.append(Setting(name=name, says=found, acts=order[0] if order else None))
    return settings


def pipeline_defaults() -> Mapping[str, object]:
    """Return what `pipeline("text-generation")` adds where call and file say nothing."""
    from transformers import TextGenerationPipeline

    config = TextGenerationPipeline._default_generation_config
    return config.to_diff_dict() if config else {}


def library_defaults() -> Mapping[str, object]:
    """Return what `generate` itself puts where nobody says anything."""
    from transformers import GenerationConfig

    return GenerationConfig._get_default_generation_params()
