"""How a tab's own events are bound: private, without Gradio's progress, never queued by Gradio."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.events import Dependency

# the scheduler does the queueing; the pages show their own progress
QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "concurrency_limit": None,
}


def when_stopped(
    button: gr.Button,
    running: Sequence[Dependency],
    then: Callable[..., object],
    inputs: Sequence[gr.components.Component],
    outputs: Sequence[gr.components.Component],
) -> None:
    """Have a button end what runs, and only then say so: a last update must not come after it."""
    ended = button.click(None, cancels=list(running), api_visibility="private")
    ended.then(then, list(inputs), list(outputs), **QUIET)
