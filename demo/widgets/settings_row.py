"""The sampling settings, the same in every tab: five in sight, the rest under "more"."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.lab import Lab
from backend.types import SamplingParams
from demo.links import Fields
from demo.words import Words

GREEDY, SAMPLE = "greedy", "sample"


@dataclass(frozen=True, kw_only=True)
class SettingsRow:
    """The components; `values` in the order in which `read` takes them."""

    mode: gr.Radio
    temperature: gr.Number
    top_p: gr.Number
    seed: gr.Number
    max_new_tokens: gr.Number
    top_k: gr.Number
    epsilon_cutoff: gr.Number
    more: gr.Accordion  # for a tab's own rare settings

    @property
    def values(self) -> list[gr.components.Component]:
        """All components, for `inputs=`."""
        return [
            self.mode,
            self.temperature,
            self.top_p,
            self.seed,
            self.max_new_tokens,
            self.top_k,
            self.epsilon_cutoff,
        ]

    @property
    def fields(self) -> Fields:
        """The settings that a link holds, by their names."""
        return {
            "mode": self.mode,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "max_new_tokens": self.max_new_tokens,
            "top_k": self.top_k,
            "epsilon_cutoff": self.epsilon_cutoff,
        }


def settings_row(lab: Lab, words: Words, tab: str, *, max_new_tokens: int) -> SettingsRow:
    """Draw the settings inside the current card."""
    number: dict[str, Any] = {"precision": None, "min_width": 90}
    with gr.Row(elem_classes="knobs"):
        mode = gr.Radio(
            [(words("settings.greedy"), GREEDY), (words("settings.sample"), SAMPLE)],
            value=SAMPLE,
            label=words("fields.do_sample"),
            elem_id=f"{tab}-mode",
            scale=2,
            min_width=200,
        )
        temperature = gr.Number(
            0.8, label="temperature", step=0.1, elem_id=f"{tab}-temperature", **number
        )
        top_p = gr.Number(0.9, label="top_p", step=0.05, elem_id=f"{tab}-top-p", **number)
        seed = gr.Number(7, label=words("fields.seed"), step=1, elem_id=f"{tab}-seed", **number)
        most = gr.Number(
            max_new_tokens,
            label=words("fields.max_new_tokens"),
            step=1,
            elem_id=f"{tab}-max-new-tokens",
            **number,
        )
    more = gr.Accordion(words("settings.more"), open=False, elem_id=f"{tab}-more")
    with more, gr.Row(elem_classes="knobs"):
        top_k = gr.Number(
            0, label="top_k", info=words("settings.off"), elem_id=f"{tab}-top-k", **number
        )
        epsilon = gr.Number(
            0,
            label="epsilon_cutoff",
            info=words("settings.off"),
            elem_id=f"{tab}-epsilon",
            **number,
        )
    return SettingsRow(
        mode=mode,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        max_new_tokens=most,
        top_k=top_k,
        epsilon_cutoff=epsilon,
        more=more,
    )


def read(
    mode: str,
    temperature: float,
    top_p: float,
    seed: float | None,
    max_new_tokens: int,
    top_k: int,
    epsilon_cutoff: float,
) -> SamplingParams:
    """Return the settings as the engine takes them; an empty seed is a fresh one. LabError."""
    return SamplingParams(
        do_sample=mode == SAMPLE,
        temperature=temperature,
        top_p=top_p,
        seed=seed,  # type: ignore[arg-type]  # a Number gives 7.0 for 7; checked there
        max_new_tokens=max_new_tokens,
        top_k=top_k,
        epsilon_cutoff=epsilon_cutoff,
    )
