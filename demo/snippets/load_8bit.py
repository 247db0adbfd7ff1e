"""8 bits by bitsandbytes: through the model, or in one line through pipeline's model_kwargs."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, pipeline

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
MAX_NEW_TOKENS = 40

torch.set_num_threads(1)  # on a CPU a model this small gains nothing from more
qconfig = BitsAndBytesConfig(load_in_8bit=True)
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, quantization_config=qconfig, dtype="float16")
pipe = pipeline("text-generation", model=model, tokenizer=tokenizer)
print(pipe(PROMPT, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)[0]["generated_text"])


def layer(pipe):
    return type(pipe.model.model.layers[0].self_attn.q_proj).__name__


one_line = pipeline("text-generation", model=MODEL, model_kwargs={"quantization_config": qconfig})
ignored = pipeline("text-generation", model=MODEL, quantization_config=qconfig)
print("through the model:", layer(pipe))
print("model_kwargs={'quantization_config': q}:", layer(one_line))
print("quantization_config=q, ignored without a word:", layer(ignored))
