"""The page's Blocks: an update costs what it changes, for a class of learners who all look on."""

from collections import ChainMap
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.blocks import Block, BlocksConfig, convert_component_dict_to_list
from gradio.components.base import _Keywords
from gradio.state_holder import SessionState


class Page(gr.Blocks):
    """Blocks that leave alone what a handler does not name.

    For each output that an update skips Gradio makes the component anew, reads the signatures of
    its class and writes its configuration: on Generate 2 ms of the event loop an update, ten
    updates a second a learner.
    """

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list | dict, state: SessionState | None
    ) -> list[Any]:
        """Return the outputs' values as Gradio does."""
        outputs = list(block_fn.outputs)
        given: Any = predictions
        if len(outputs) < 2:  # one output's value may be any dictionary or list
            return await super().postprocess_data(block_fn, given, state)
        if isinstance(given, dict):
            given = convert_component_dict_to_list(outputs, given) if given else given
        if not isinstance(given, (list, tuple)) or len(given) != len(outputs):
            return await super().postprocess_data(block_fn, given, state)
        skipped = {i for i, value in enumerate(given) if is_skip(value)}
        given = [_Keywords.FINISHED_ITERATING if i in skipped else v for i, v in enumerate(given)]
        data = await super().postprocess_data(block_fn, given, state)
        return [
            gr.skip() if i in skipped and not outputs[i].stateful else value
            for i, value in enumerate(data)
        ]


def is_skip(value: object) -> bool:
    """True for what leaves a component as it is."""
    return isinstance(value, dict) and value == gr.skip()


def spare_threads(page: gr.Blocks) -> None:
    """Have updates of HTML and State skip the thread in which Gradio would return each as it is."""
    for function in page.fns.values():
        if all(isinstance(block, (gr.HTML, gr.State)) for block in function.outputs):
            function.postprocess = False


class Unconfigured:
    """What a session has of its page: the components and handlers, and those it changed.

    Gradio copies them into each session, with every component's configuration, at 0.1 s and about a
    megabyte, and keeps each value that was sent, for links that restore a whole page; ours name a
    tab and its settings.
    """

    def __init__(self, page: gr.Blocks) -> None:
        self._page, self.blocks = page, dict[int, Block]()

    @property
    def default_config(self) -> "Unconfigured":
        """Itself: what a session makes a copy of."""
        return self

    def __copy__(self) -> BlocksConfig:
        page, config = self._page.default_config, BlocksConfig(self._page)
        config.blocks = ChainMap({}, page.blocks)  # type: ignore[assignment]  # what it changes
        config.fns, config.fn_id, config.renderables = page.fns, page.fn_id, page.renderables
        config.config_for_block = lambda *_: {}  # type: ignore[method-assign]
        return config
