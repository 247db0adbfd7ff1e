"""What of a conversation is given to the model when it no longer fits its context.

The policy: the system text and the last message stay, the reply's room is kept free, and of the
exchanges before the last message the oldest go first, whole. A turn's ids are counted by rendering.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.errors import LabError
from backend.types import Message, Prompt

SMALLEST = 64  # positions: fewer hold no exchange


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The prompt of one turn, its ids by where they come from, and what was left out of it.

    `system + again + new` is the prompt's length; `cut` ids of `dropped` exchanges are not in it.
    """

    prompt: Prompt
    messages: tuple[Message, ...]  # those given
    system: int
    again: int  # of earlier turns, sent once more
    new: int  # of the last message
    room: int  # kept for the reply
    context: int
    left_out: tuple[str, ...]  # the user's messages of the exchanges that were dropped
    cut: int  # the ids of those exchanges

    @property
    def dropped(self) -> int:
        """How many exchanges were dropped."""
        return len(self.left_out)


def fitted(
    render: Callable[[Sequence[Message]], Prompt],
    messages: Sequence[Message],
    *,
    room: int,
    context: int,
) -> Turn:
    """Return the prompt of a conversation that ends with a user's message, cut where it must be.

    Raises LabError where even the last message alone does not fit, and what `render` raises.
    """
    head = [m for m in messages[:1] if m["role"] == "system"]
    body = list(messages[len(head) :])
    whole = render([*head, *body])
    starts = [at for at, message in enumerate(body) if message["role"] == "user"]
    prompt, dropped = whole, 0
    while len(prompt.ids) + room > context:
        dropped += 1
        if dropped >= len(starts):
            raise too_long(len(prompt.ids), room, context)
        prompt = render([*head, *body[starts[dropped] :]])
    given = (*head, *body[starts[dropped] if dropped else 0 :])
    last = len(render(body[-1:]).ids)
    system = len(render([*head, *body[-1:]]).ids) - last
    return Turn(
        prompt=prompt,
        messages=given,
        system=system,
        again=len(prompt.ids) - system - last,
        new=last,
        room=room,
        context=context,
        left_out=tuple(body[at]["content"] for at in starts[:dropped]),
        cut=len(whole.ids) - len(prompt.ids),
    )


def too_long(ids: int, room: int, context: int) -> LabError:
    """What is said where the last message alone passes the context."""
    return LabError(
        "message_too_long",
        f"the system text and the last message have {ids} tokens; with {room} for the reply that"
        f" passes the context of {context}",
        "Shorten the message, ask for fewer new tokens, or allow a longer context",
        field="message",
        value=ids,
        allowed=f"1 to {max(context - room, 0)}",
        room=room,
        context=context,
    )


def check_context(context: object, most: int) -> int:
    """Return a context asked for as a whole number of positions. Raises LabError."""
    number = isinstance(context, (int, float)) and not isinstance(context, bool)
    if not number or context != context // 1 or not SMALLEST <= context <= most:  # type: ignore[operator]
        raise LabError(
            "out_of_range",
            f"context must be in [{SMALLEST}, {most}], got {context!r:.40}",
            field="context",
            value=context if number else repr(context)[:40],
            allowed=f"{SMALLEST} to {most}",
        )
    return int(context)
