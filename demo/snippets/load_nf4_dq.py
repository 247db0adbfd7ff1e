"""The course author's own setting: nf4 with double quantisation, one argument at a time."""

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

MODEL = "pocket/weights/chat"
STEPS = {
    "load_in_4bit (fp4)": {},
    "+ bnb_4bit_quant_type": {"bnb_4bit_quant_type": "nf4"},
    "+ bnb_4bit_compute_dtype": {"bnb_4bit_compute_dtype": torch.bfloat16},
    "+ bnb_4bit_use_double_quant": {"bnb_4bit_use_double_quant": True},
}


def counted(model):
    """Bytes of weights and of the scales, which get_memory_footprint() leaves out."""
    weights = {t.data_ptr(): t.nbytes for t in (*model.parameters(), *model.buffers())}
    states = [p.quant_state for p in model.parameters() if hasattr(p, "quant_state")]
    scales = 0
    for state in states:
        parts = [state.absmax, state.code, state.offset]
        if state.nested:
            parts += [state.state2.absmax, state.state2.code]
        scales += sum(part.nbytes for part in parts if part is not None)
    return sum(weights.values()), scales


torch.set_num_threads(1)  # on a CPU a model this small gains nothing from more
options = {"load_in_4bit": True}
for name, step in STEPS.items():
    options |= step
    qconfig = BitsAndBytesConfig(**options)
    model = AutoModelForCausalLM.from_pretrained(
        MODEL, quantization_config=qconfig, dtype=torch.bfloat16
    )
    weights, scales = counted(model)
    footprint = model.get_memory_footprint()
    print(f"{name}: weights {weights:,}, scales {scales:,}; get_memory_footprint {footprint:,}")
