"""A number in three floating formats: its bits, what is kept, where it overflows."""

import torch

NUMBERS = [70000.0, 1.001, 0.1, 1e-8]
FORMATS = {
    "fp32": (torch.float32, torch.int32, 8),
    "fp16": (torch.float16, torch.int16, 5),
    "bf16": (torch.bfloat16, torch.int16, 8),
}

for number in NUMBERS:
    for name, (dtype, integers, exponent_bits) in FORMATS.items():
        held = torch.tensor([number], dtype=dtype)
        width = 8 * held.element_size()
        bits = f"{held.view(integers).item() % 2**width:0{width}b}"
        fields = bits[0], bits[1 : 1 + exponent_bits], bits[1 + exponent_bits :]
        print(f"{number} in {name}: {' '.join(fields)} = {held.double().item():.12g}")
for name, (dtype, _, _) in FORMATS.items():
    info = torch.finfo(dtype)
    print(f"{name}: largest {info.max:.6g}, smallest normal {info.tiny:.6g}, eps {info.eps:.6g}")
print("an int of Python has no limit:", 2**100)
