"""What a load and a run take on the device: the course's five loads, with their imports."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, pipeline

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
MAX_NEW_TOKENS = 90
PRECISION = "fp16"
LOADS = {
    "fp32": {"dtype": torch.float32},
    "fp16": {"dtype": torch.float16},
    "int8": {"dtype": torch.float16, "quantization_config": {"load_in_8bit": True}},
    "fp4": {"dtype": torch.float16, "quantization_config": {"load_in_4bit": True}},
    "nf4-dq": {
        "dtype": torch.bfloat16,
        "quantization_config": {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": torch.bfloat16,
        },
    },
}

torch.set_num_threads(1)  # on a CPU a model this small gains nothing from more
options = dict(LOADS[PRECISION])
if "quantization_config" in options:
    options["quantization_config"] = BitsAndBytesConfig(**options["quantization_config"])
if torch.cuda.is_available():
    options["device_map"] = "cuda"
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, **options)
pipe = pipeline("text-generation", model=model, tokenizer=tokenizer)
print(pipe(PROMPT, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)[0]["generated_text"])
print(f"{PRECISION}: parameters and buffers {model.get_memory_footprint() / 2**20:.2f} MiB")
if torch.cuda.is_available():
    print(torch.cuda.memory_summary(abbreviated=True))
else:
    print("no CUDA device here: memory_summary() would raise a KeyError")
