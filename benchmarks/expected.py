"""What transformers' generate answers to the soak's seeded requests, printed as JSON.

Apart from the soak, whose process gevent has patched. One item a request: endpoint, data, texts.
"""

import json

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, set_seed

from backend.catalog import MODELS

PROMPTS = (
    "Tell me a story about a dragon.",
    "Tell me a story about a cat.",
    "Once upon a time",
    "Translate into Japanese: I like apples.",
)
SETTINGS = {"temperature": 0.8, "top_p": 0.9, "top_k": 0}
SEEDS = range(6)
NEW_TOKENS = {"complete": 120, "tokens": 40, "chat": 60, "sample": 30}
ROWS = 3


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    source = MODELS["pocket-chat"].source
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source, dtype="float32").eval()
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id
    )
    table: list[dict[str, object]] = []
    for endpoint, new_tokens in NEW_TOKENS.items():
        rows = ROWS if endpoint == "sample" else 1
        for prompt in PROMPTS:
            inputs = tokenizer(prompt, return_tensors="pt")
            if endpoint == "chat":
                inputs = tokenizer.apply_chat_template(
                    [{"role": "user", "content": prompt}],
                    add_generation_prompt=True,
                    return_dict=True,
                    return_tensors="pt",
                )
            for seed in SEEDS:
                set_seed(seed)
                out = model.generate(
                    **inputs,
                    do_sample=True,
                    epsilon_cutoff=0.0,
                    max_new_tokens=new_tokens,
                    num_return_sequences=rows,
                    **SETTINGS,
                )
                new = out[:, inputs["input_ids"].shape[1] :]
                sampling = [True, 0.8, 0.9, 0, 0.0, new_tokens, seed]
                before: list[object] = [prompt, [], ""] if endpoint == "chat" else [prompt, ""]
                table.append(
                    {
                        "endpoint": endpoint,
                        "data": before + sampling + ([rows] if rows > 1 else []),
                        "texts": [
                            text.strip()
                            for text in tokenizer.batch_decode(new, skip_special_tokens=True)
                        ],
                    }
                )
    print(json.dumps(table))


if __name__ == "__main__":
    main()
