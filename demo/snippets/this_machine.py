"""What this machine has: Python, libraries, and whether torch sees a GPU."""

import importlib.metadata
import platform

import torch

LIBRARIES = ["torch", "transformers", "huggingface_hub", "accelerate", "bitsandbytes", "sacrebleu"]

print("python", platform.python_version())  # transformers 5 needs 3.11 or newer
for name in LIBRARIES:
    print(name, importlib.metadata.version(name))
print("cuda", torch.cuda.is_available())  # False: all of this runs on the CPU, more slowly
if torch.cuda.is_available():
    gpu = torch.cuda.get_device_properties(0)
    print(gpu.name, f"{gpu.total_memory / 2**30:.1f} GiB")
