"""The deep part of decoding: MAP exactly, the probability of one's own sentence, and the proofs."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from backend.beams import BeamParams
from backend.errors import LabError
from backend.lab import Lab
from backend.types import SamplingParams
from demo.endpoints import person_of
from demo.events import QUIET
from demo.identity import Identity
from demo.jobs import turns
from demo.searches import Desk, Line, greedy_line, line, line_of, rows_of, searched
from demo.widgets import marks
from demo.widgets.beam_views import ways_html
from demo.widgets.fold import fold
from demo.widgets.own_sentence import own_html
from demo.words import Words

if TYPE_CHECKING:
    from backend.decoding import Shares
    from backend.models import LoadedModel

NEW, MOST_NEW = 8, 12
MOST_PREFIXES = 1000
OWN = " The dragon was kind."
BEAMS, SEED, TRIED = 4, 7, 32
OPEN = math.log(0.7)  # a place where the model is not sure


def exact_panel(
    lab: Lab, identity: Identity, words: Words, asked: Sequence[Component]
) -> list[Dependency]:
    """MAP found exactly for a few tokens, beside greedy and beam. `asked`: prompt, model, beams."""
    with fold(words, "decoding.exact", "deep", "decoding-exact-fold"):
        gr.Markdown(words("decoding.exact_what", most=MOST_PREFIXES))
        with gr.Row(elem_classes="tools"):
            new = gr.Slider(
                1, MOST_NEW, NEW, step=1, label=words("fields.max_new_tokens"),
                elem_id="decoding-exact-new",
            )  # fmt: skip
            go = gr.Button(words("decoding.exact_go"), elem_id="decoding-exact-go")
        view = gr.HTML(marks.say(), elem_id="decoding-exact")

    async def find(
        text: str, name: str, k: float, most: float, request: gr.Request
    ) -> AsyncIterator[str]:
        from backend.exact_search import Found, most_probable

        try:
            size, person = int(most), person_of(identity, request)
            params = BeamParams(num_beams=k, length_penalty=0, max_new_tokens=size)  # type: ignore[arg-type]
            yield marks.say(words("waiting.start"))
            found = await searched(lab, text, params, model=name, person=person)
            best = max(found.greedy, found.beams[0], key=lambda one: one.total)
            ids = [record.id for record in lab.tokenize(text, name)]
            last: Found | None = None
            job = turns(
                lab,
                lambda loaded: most_probable(
                    loaded,
                    ids,
                    known=(best.ids, best.total),
                    max_new_tokens=size,
                    most=MOST_PREFIXES,
                ),
                name,
                person=person,
            )
            async with contextlib.aclosing(job):
                async for items in job:
                    last = next((i for i in reversed(items) if isinstance(i, Found)), last)
                    if last:
                        yield marks.say(words("decoding.exact_running", n=last.prefixes))
            assert last is not None, "the search yields at least once"
            top = best if last.ids == best.ids else whole(lab, name, last.ids, last.total)
            ways: list[tuple[str, Line, int]] = [
                (words("decoding.side_greedy"), found.greedy, len(found.greedy.ids)),
                (words("decoding.side_beam", k=params.num_beams), found.beams[0],
                 1 + params.num_beams * (len(found.steps) - 1)),
                (words("decoding.side_exact"), top, last.prefixes),
            ]  # fmt: skip
            vocab = lab.engine.model(name).info.vocab_size
            yield ways_html(ways, last.complete, vocab, size, words)
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    return [go.click(find, [*asked, new], view, **QUIET)]


def whole(lab: Lab, name: str, ids: tuple[int, ...], total: float) -> Line:
    """Return a sequence of which only the sum is known."""
    return line(lab, name, ids, (total, *[0.0] * (len(ids) - 1)))


def own_panel(
    lab: Lab, identity: Identity, words: Words, desk: gr.State, asked: Sequence[Component]
) -> list[Dependency]:
    """How probable a sentence of one's own is. `asked`: prompt, model."""
    with fold(words, "decoding.own", "deep", "decoding-own-fold"):
        gr.Markdown(words("decoding.own_what"))
        with gr.Row(elem_classes="ask"):
            own = gr.Textbox(
                OWN, label=words("decoding.own_label"), lines=1, max_lines=4,
                elem_id="decoding-own-text",
            )  # fmt: skip
            go = gr.Button(words("decoding.own_go"), elem_classes="go", elem_id="decoding-own-go")
        view = gr.HTML(marks.say(), elem_id="decoding-own")

    async def measure(
        desk: Desk, text: str, name: str, sentence: str, request: gr.Request
    ) -> AsyncIterator[str]:
        from backend.scoring import joined_ids, score

        if not sentence.strip():
            yield marks.say(words("decoding.own_empty"), bad=True)
            return
        try:
            yield marks.say(words("waiting.start"))
            loaded = await asyncio.to_thread(lab.engine.model, name)
            ids, start = await asyncio.to_thread(joined_ids, loaded, text, sentence)
            person = person_of(identity, request)
            job = turns(lab, lambda loaded: score(loaded, ids, start), name, person=person)
            scored: object = None
            async with contextlib.aclosing(job):
                async for items in job:
                    scored = items[-1] if items else scored
            assert isinstance(scored, list)
            found = desk.found
            same = found and found.prompt == text and found.model == name
            yield own_html(scored, found if same else None, words)
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    inputs = [desk, *asked, own]
    return [gr.on([go.click, own.submit], measure, inputs, view, **QUIET)]


def proofs_panel(
    lab: Lab, identity: Identity, words: Words, asked: Sequence[Component]
) -> list[Dependency]:
    """What the course says of decoding, tried here (errata 13, 13b, 16c, 24)."""
    with fold(words, "decoding.proofs", "deep", "decoding-proofs-fold"):
        with gr.Row(elem_classes="tools"):
            go = gr.Button(words("decoding.proofs_go"), elem_id="decoding-proofs-go")
        view = gr.HTML(marks.say(), elem_id="decoding-proofs")

    async def prove(text: str, name: str, request: gr.Request) -> AsyncIterator[str]:
        from backend.decoding import Shares, top_shares

        try:
            person = person_of(identity, request)
            yield marks.say(words("waiting.start"))
            ids = [record.id for record in await asyncio.to_thread(lab.tokenize, text, name)]
            said = await asyncio.to_thread(misspelt, lab, name, ids, person)
            done = [proof("num_beam", said, words)]
            yield "".join(done)
            greedy = await greedy_line(lab, text, TRIED, model=name, person=person)
            at = next((i for i, p in enumerate(greedy.logprobs) if p < OPEN), len(greedy.ids) - 1)
            before = [*ids, *greedy.ids[:at]]
            job = turns(
                lab, lambda loaded: top_shares(loaded, before, BEAMS, SEED), name, person=person
            )
            async with contextlib.aclosing(job):
                async for items in job:
                    done += [shares(i, at, words) for i in items if isinstance(i, Shares)]
            yield "".join(done)
            params = BeamParams(num_beams=5, max_new_tokens=16)
            beams = await searched(lab, text, params, model=name, person=person)
            different = len({one.ids for one in beams.beams})
            several = words("decoding.proof_several_figure", n=different)
            done.append(proof("several", several, words))
            cold = SamplingParams(
                do_sample=True, temperature=0.001, top_p=0.001, seed=SEED, max_new_tokens=TRIED
            )
            [steps] = await rows_of(lab, text, cold, model=name, person=person)
            equal = line_of(lab, name, steps).ids == greedy.ids
            done.append(proof("cold", words(f"decoding.proof_cold_{str(equal).lower()}"), words))
            yield "".join(done)
        except LabError as error:
            yield marks.say(words.error(error), bad=True)

    return [go.click(prove, list(asked), view, **QUIET)]


def shares(found: "Shares", at: int, words: Words) -> str:
    """The proof that beam sampling draws from another distribution."""
    from backend.decoding import DRAWS

    figure = words(
        "decoding.proof_beam_figure",
        at=at + 1,
        piece=found.piece,
        p=f"{100 * found.probability:.1f}",
        sampled=f"{100 * found.sampled:.1f}",
        beam=f"{100 * found.beam_sampled:.1f}",
    )
    return proof("beam_sampling", figure, words, k=BEAMS, n=DRAWS)


def misspelt(lab: Lab, name: str, ids: Sequence[int], person: str) -> str:
    """Return what `generate(num_beam=5)` answers."""
    from backend.library import library_generate

    def job(loaded: "LoadedModel") -> Iterator[object]:
        return library_generate(loaded, ids, max_new_tokens=1, num_beam=5)

    try:
        list(lab.run(job, name, person=person))
    except LabError:
        raise
    except ValueError as error:
        return f"ValueError: {error}"
    return "-"


def proof(key: str, figure: str, words: Words, **values: object) -> str:
    """A claim, the figure measured just now, and what it shows."""
    return (
        f'<section class="tried">{marks.heading(words(f"decoding.proof_{key}"), words, "measured")}'
        f'<div class="figure">{escape(figure)}</div>'
        f"<p>{escape(words(f'decoding.proof_{key}_says', **values))}</p></section>"
    )
