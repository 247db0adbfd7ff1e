"""Exercises: checked by code on what the learner did; progress is kept in the browser.

A tab draws `exercise(words, "diversity", 1)`, its handler returns `verdict(...)`, and
assets/learn.js keeps what was right and saves it as one file to hand in.
"""

from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.components import Component

from backend.lab import Lab
from demo.widgets import marks
from demo.words import Words


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise's components: the button that checks, and where the verdict stands."""

    check: gr.Button
    told: gr.HTML


def exercise(
    words: Words, tab: str, number: int, *, answer: Component | None = None, **values: object
) -> Exercise:
    """Draw the text `<tab>.exercise_<number>`, a button and the verdict's place.

    `answer` is what the learner fills in, if anything, made with render=False; `values` fill the
    text's placeholders.
    """
    gr.Markdown(words(f"{tab}.exercise_{number}", **values))
    if answer is not None:
        answer.render()
    check = gr.Button(words("exercise.check"), size="sm", elem_id=f"{tab}-check-{number}")
    told = gr.HTML(marks.say(), elem_id=f"{tab}-exercise-{number}-result")
    told.change(None, told, None, js="(html) => window.lab.keep(html)")
    return Exercise(check=check, told=told)


def verdict(
    lab: Lab, words: Words, name: str, right: bool, hint: str, *, answer: object = ""
) -> str:
    """Say whether exercise `name` (`<tab>-<number>`) is right; `hint` is for when it is not.

    `answer` is what the learner did, for the file that is handed in.
    """
    lab.exercise(name, right)
    text = words("exercise.right") if right else hint
    css, role = ("", "status") if right else (" bad", "alert")
    kept = f' data-exercise="{escape(name)}" data-answer="{escape(str(answer)[:300])}"'
    return f'<div class="say{css}" role="{role}"{kept if right else ""}>{escape(text)}</div>'


def progress(words: Words) -> None:
    """Draw how many exercises are done in this browser, and the button that saves them."""
    data = f'data-done="{escape(words("exercise.done"))}" data-lang="{words.lang}"'
    gr.HTML(
        f'<div class="src" data-progress {data}><span></span> <button type="button" class="tool"'
        f" data-hand-in>{escape(words('exercise.hand_in'))}</button></div>"
    )
