"""A checkpoint that answers many prompts at once, by greedy decoding."""

from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class Model:
    """One checkpoint, answering many prompts at once by greedy decoding."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.unk_token  # masked out, never read
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def ask(self, requests: Iterable[str], *, tokens: int, chat: bool = True) -> list[str]:
        """Return the answers, through the chat template or as plain text."""
        texts = list(requests)
        if chat:
            texts = [
                str(
                    self.tokenizer.apply_chat_template(
                        [{"role": "user", "content": t}], tokenize=False
                    )
                )
                for t in texts
            ]
        answers: list[str] = []
        for start in range(0, len(texts), 50):
            batch = self.tokenizer(
                texts[start : start + 50],
                return_tensors="pt",
                padding=True,
                add_special_tokens=not chat,
            )
            out = self.model.generate(
                **batch, do_sample=False, max_new_tokens=tokens, pad_token_id=0
            )
            new = out[:, batch["input_ids"].shape[1] :]
            answers += self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return [answer.strip() for answer in answers]
