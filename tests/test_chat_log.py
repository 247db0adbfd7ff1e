"""What an open page of the Chat tab has sent: its first exercise judges by that."""

from backend.history import Turn
from backend.types import Prompt
from demo.widgets.chat_log import Talk


def sent(*prompts: Prompt) -> Talk:
    talk = Talk()
    for n, prompt in enumerate(prompts, start=1):
        turn = Turn(
            prompt=prompt, messages=(), system=0, again=0, new=0, room=1, context=0, left_out=(),
            cut=0,
        )  # fmt: skip
        talk.send(turn, n)
    return talk


def test_the_second_prompt_begins_with_the_firsts_ids() -> None:
    first, second = Prompt(text="a", ids=(1, 2)), Prompt(text="b", ids=(1, 2, 3))
    assert sent(first, second).sent_again
    assert not sent(second, first).sent_again
    assert not sent(first).sent_again
    assert not sent().sent_again


def test_without_ids_the_texts_are_compared() -> None:
    """A remote server has the tokenizer: its prompts come here without ids."""
    first, second = Prompt(text="user:\nHi", ids=()), Prompt(text="user:\nHi\n\nmore", ids=())
    other = Prompt(text="system:\nBe brief.\n\nuser:\nHi\n\nmore", ids=())
    assert sent(first, second).sent_again
    assert not sent(first, other).sent_again
