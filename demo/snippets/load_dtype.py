"""What a precision takes: the same weights in 32 and in 16 bits, counted."""

from transformers import AutoModelForCausalLM

MODEL = "pocket/weights/chat"
DTYPES = ["auto", "float32", "float16", "bfloat16"]  # "auto": as the file has them, today's default

for dtype in DTYPES:
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=dtype)
    print(f"{dtype}: {model.dtype}, {model.get_memory_footprint():,} bytes")
