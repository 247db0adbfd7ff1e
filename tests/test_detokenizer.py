"""The parts of a streamed text join to what `decode` gives."""

import random

import pytest

from backend.detokenizer import TextStream, Vocabulary
from backend.lab import Lab


@pytest.fixture(scope="module")
def vocabulary(lab: Lab) -> Vocabulary:
    return lab.engine.model().vocabulary


def parts(vocabulary: Vocabulary, ids: list[int], stop: tuple[str, ...] = ()) -> list[str]:
    stream = TextStream(vocabulary, None, stop)
    pushed = []
    for token_id in ids:
        pushed.append(stream.push(token_id))
        if stream.stopped:
            return pushed
    return [*pushed, stream.flush()]


def encode(vocabulary: Vocabulary, text: str) -> list[int]:
    return list(vocabulary.tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("seed", range(60))
def test_random_ids_join_to_decode(vocabulary: Vocabulary, seed: int) -> None:
    r = random.Random(seed)
    size = len(vocabulary.pieces)
    byte_ids = [i for i in range(size) if i in vocabulary.byte_ids]
    ids = [r.choice(byte_ids) if r.random() < 0.4 else r.randrange(size) for _ in range(40)]
    assert "".join(parts(vocabulary, ids)) == vocabulary.decode(tuple(ids))


def test_emoji_and_kanji_appear_whole(vocabulary: Vocabulary) -> None:
    text = "竜 🐉 鱗\nあ"
    pushed = parts(vocabulary, encode(vocabulary, text))
    assert "".join(pushed).strip() == text
    assert "\ufffd" not in "".join(pushed)
    assert any(part == "" for part in pushed)  # bytes are held back until the character is whole


def test_bytes_that_never_complete_are_replaced(vocabulary: Vocabulary) -> None:
    ids = encode(vocabulary, "a🐉")[:-1]
    assert "".join(parts(vocabulary, ids)) == vocabulary.decode(tuple(ids))
    assert "\ufffd" in "".join(parts(vocabulary, ids))


def test_what_may_begin_a_stop_string_is_held_back(vocabulary: Vocabulary) -> None:
    ids = encode(vocabulary, "one two three")
    pushed = parts(vocabulary, ids, stop=("two three",))
    assert "".join(pushed).rstrip() == "one"
    pushed = parts(vocabulary, ids, stop=("two four",))
    assert "".join(pushed) == "one two three"


def test_a_newline_as_stop_ends_at_its_own_token(vocabulary: Vocabulary) -> None:
    ids = encode(vocabulary, "one\ntwo")
    pushed = parts(vocabulary, ids, stop=("\n",))
    assert "".join(pushed) == "one"
    assert len(pushed) == len(encode(vocabulary, "one\n"))


def test_records_carry_piece_and_bytes(vocabulary: Vocabulary) -> None:
    ids = encode(vocabulary, "a\n竜")
    records = [vocabulary.record(i) for i in ids]
    assert b"".join(bytes(r.bytes) for r in records).decode() == " a\n竜"
    newline = next(r for r in records if r.bytes == [10])
    assert newline.token == "<0x0A>"
    assert vocabulary.record(1).special
