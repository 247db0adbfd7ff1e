"""How a tab's own events are bound: private, without Gradio's progress, never queued by Gradio."""

from typing import Any

# the scheduler does the queueing; the pages show their own progress
QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "concurrency_limit": None,
}
