"""The same model in CTranslate2: convert to int8, compare speed and tokens with generate."""

import importlib.util
import tempfile
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
MAX_NEW_TOKENS = 100
QUANTIZATION = "int8"

torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()
inputs = tokenizer(PROMPT, return_tensors="pt")
length = inputs["input_ids"].shape[1]
model.generate(**inputs, max_new_tokens=4, do_sample=False)  # warm
began = time.perf_counter()
output_ids = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
seconds = time.perf_counter() - began
expected = [i for i in output_ids[0, length:].tolist() if i != tokenizer.eos_token_id]
print(f"transformers fp32: {len(expected) / seconds:.0f} tokens/s")

if importlib.util.find_spec("ctranslate2") is None:
    print("CTranslate2 is not installed here: pip install ctranslate2")
else:
    import ctranslate2
    from ctranslate2.converters import TransformersConverter

    with tempfile.TemporaryDirectory() as folder:
        TransformersConverter(MODEL).convert(folder, quantization=QUANTIZATION, force=True)
        generator = ctranslate2.Generator(folder, compute_type=QUANTIZATION, intra_threads=1)
        tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist())
        options = {"sampling_topk": 1, "include_prompt_in_result": False}
        generator.generate_batch([tokens], max_length=4, **options)  # warm
        began = time.perf_counter()
        [result] = generator.generate_batch([tokens], max_length=MAX_NEW_TOKENS, **options)
        seconds = time.perf_counter() - began
    ids = [i for i in result.sequences_ids[0] if i != tokenizer.eos_token_id]
    same = next((n for n, (a, b) in enumerate(zip(ids, expected)) if a != b), len(ids))
    print(f"CTranslate2 {QUANTIZATION}: {len(ids) / seconds:.0f} tokens/s")
    print(f"the first {same} of {len(expected)} tokens are the same")
    print(tokenizer.decode(ids))
