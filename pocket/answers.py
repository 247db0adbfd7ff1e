"""A checkpoint that answers many prompts at once, by greedy decoding."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
)

Messages = list[dict]


class Model:
    """A model and its tokenizer, answering many prompts at once by greedy decoding."""

    def __init__(self, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model: Any = model  # transformers' own types refuse `generate` on a loaded model
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Load a checkpoint in fp32."""
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        return cls(model, AutoTokenizer.from_pretrained(folder))

    def ask(
        self,
        requests: Iterable[str | Messages],
        *,
        tokens: int,
        system: str = "",
        tools: list[Any] | None = None,
    ) -> list[str]:
        """Answer requests, or whole conversations, through the chat template."""
        texts = []
        for request in requests:
            messages: Any = request
            if isinstance(request, str):
                messages = [{"role": "user", "content": request}]
            if system:
                messages = [{"role": "system", "content": system}, *messages]
            text = self.tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)
            texts.append(str(text))
        return self.go_on(texts, tokens=tokens, start=False)

    @torch.inference_mode()
    def go_on(self, texts: Iterable[str], *, tokens: int, start: bool = True) -> list[str]:
        """Continue texts as they are; `start` puts the start token before each."""
        every = [self.tokenizer(t, add_special_tokens=start)["input_ids"] for t in texts]
        order = sorted(range(len(every)), key=lambda i: len(every[i]))
        answers = [""] * len(every)
        for first in range(0, len(order), 64):
            some = order[first : first + 64]
            width = max(len(every[i]) for i in some)
            # padding on the left, hidden by the mask
            ids = torch.tensor([[0] * (width - len(every[i])) + every[i] for i in some])
            mask = torch.tensor([[0] * (width - len(every[i])) + [1] * len(every[i]) for i in some])
            out = self.model.generate(
                ids.to(self.model.device),
                attention_mask=mask.to(self.model.device),
                do_sample=False,
                max_new_tokens=tokens,
                pad_token_id=0,
            )
            texts_out = self.tokenizer.batch_decode(out[:, width:], skip_special_tokens=True)
            for i, text in zip(some, texts_out):
                answers[i] = text.strip()
        return answers
