"""Token ids to text, one at a time, so that the parts join to what `decode` gives for the whole.

Invariant: the join of a row's texts equals `tokenizer.decode(ids, skip_special_tokens=True)`, but
for blanks at its start (decode drops one; here the blank after the prompt stays).
"""

import re
from functools import lru_cache

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from backend.types import TokenRecord

BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


class Vocabulary:
    """What each id of one tokenizer stands for: its piece, its bytes, whether it is special."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, size: int) -> None:
        self.tokenizer = tokenizer
        self.special_ids = frozenset(tokenizer.all_special_ids)
        pieces = tokenizer.convert_ids_to_tokens(list(range(min(size, len(tokenizer)))))
        self.pieces: list[str] = [p or "" for p in pieces] + [""] * (size - len(pieces))
        # byte-level BPE (GPT-2) writes a blank as U+0120; SentencePiece writes it as U+2581
        byte_level = any(p.startswith("\u0120") for p in self.pieces)
        self._bytes_of = {c: b for b, c in bytes_to_unicode().items()} if byte_level else {}
        # what `decode` drops: special tokens, and ids that only pad the vocabulary
        padding = frozenset(i for i, piece in enumerate(self.pieces) if not piece)
        self.silent_ids = self.special_ids | padding
        # the 256 byte-fallback pieces `<0x00>` ... `<0xFF>`
        self.byte_ids = frozenset(
            i for i, piece in enumerate(self.pieces) if BYTE_PIECE.fullmatch(piece)
        )
        self.diff = lru_cache(maxsize=200_000)(self._diff)
        self.data = lru_cache(maxsize=None)(self._data)

    def _data(self, token_id: int) -> bytes:
        """Return the bytes this token adds to the text; a special token adds its own spelling."""
        piece = self.pieces[token_id]
        if token_id in self.special_ids:
            return piece.encode()
        if byte := BYTE_PIECE.fullmatch(piece):
            return bytes([int(byte.group(1), 16)])
        if self._bytes_of and all(c in self._bytes_of for c in piece):
            return bytes(self._bytes_of[c] for c in piece)
        return piece.replace("\u2581", " ").encode()

    def record(self, token_id: int) -> TokenRecord:
        """Return the token as the page and `/tokenize` show it."""
        data = self.data(token_id)
        return TokenRecord(
            id=token_id,
            token=self.pieces[token_id],
            text=data.decode(errors="replace"),
            bytes=list(data),
            special=token_id in self.special_ids,
        )

    def _diff(self, before: int | None, ids: tuple[int, ...]) -> str:
        if before is None:
            return self.decode(ids)
        return self.decode((before, *ids))[len(self.decode((before,))) :]

    def decode(self, ids: tuple[int, ...]) -> str:
        """Return the text of ids without the special ones."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


class TextStream:
    """The text of one growing row. Holds back incomplete bytes and what may begin a stop string."""

    def __init__(self, vocabulary: Vocabulary, context: int | None, stop: tuple[str, ...]) -> None:
        silent = context is None or context in vocabulary.silent_ids
        self._before = None if silent else context  # the last token that is fully printed
        self._vocabulary = vocabulary
        self._pending: tuple[int, ...] = ()  # tokens not yet printable
        self._stop = stop
        self._tail = ""  # printable, but may begin a stop string
        self._reach = max(map(len, stop), default=0)
        self.stopped = False

    def push(self, token_id: int) -> str:
        """Take one token; return what became printable. Sets `stopped` at a whole stop string."""
        if token_id in self._vocabulary.silent_ids:
            return ""
        self._pending += (token_id,)
        text = self._vocabulary.diff(self._before, self._pending)
        # a run of bytes is decided only where it ends: decode turns a whole bad run into U+FFFD
        undecided = token_id in self._vocabulary.byte_ids or text.endswith("\ufffd")
        if self._stop:
            tentative = self._tail + text
            hits = [at for s in self._stop if (at := tentative.find(s)) >= 0]
            if hits:
                self.stopped = True
                self._pending, self._tail = (), ""
                return tentative[: min(hits)]
        if undecided:
            return ""
        self._before, self._pending = token_id, ()
        return self._release(self._tail + text)

    def flush(self) -> str:
        """Return what was held back, as `decode` gives it; called once, at the row's end."""
        if self.stopped:
            return ""
        rest = self._vocabulary.diff(self._before, self._pending) if self._pending else ""
        return self._tail + rest

    def _release(self, text: str) -> str:
        """Keep the longest end of `text` that begins a stop string."""
        for n in range(min(self._reach - 1, len(text)), 0, -1):
            if any(s.startswith(text[-n:]) for s in self._stop):
                self._tail = text[-n:]
                return text[:-n]
        self._tail = ""
        return text
