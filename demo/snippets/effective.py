"""Which settings act in `pipe(prompt, do_sample=True)`: call, model's file, pipeline, library."""

from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32")
acted = []
prepare = model._prepare_generation_config


def recorded(*args, **kwargs):
    """Note the configuration that the generation really runs with."""
    config, rest = prepare(*args, **kwargs)
    acted.append(config)
    return config, rest


model._prepare_generation_config = recorded
pipe = pipeline("text-generation", model=model, tokenizer=tokenizer)
pipe(PROMPT, do_sample=True, max_new_tokens=2)
model.generate(**tokenizer(PROMPT, return_tensors="pt"), do_sample=True, max_new_tokens=2)
for name, config in zip(("pipe", "generate"), acted):
    print(f"{name}: T {config.temperature}, top_k {config.top_k}, top_p {config.top_p}")
print("the model's file says:", model.generation_config.to_diff_dict())
