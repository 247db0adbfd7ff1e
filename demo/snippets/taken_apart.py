"""The same without pipeline: text to ids, generate, ids to text."""

from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

MODEL = "pocket/weights/chat"
PROMPT = "Tell me a story about a dragon."
PREFIX_IDS = []  # tokens already decided: the model goes on from them
SAMPLING = {"do_sample": False}
MAX_NEW_TOKENS = 128
SEED = 7

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32").eval()

inputs = tokenizer(PROMPT, return_tensors="pt")  # adds the start token; the mask is all ones
start = inputs["input_ids"]
ids = start.new_tensor([start[0].tolist() + PREFIX_IDS])
set_seed(SEED)
output_ids = model.generate(
    ids, attention_mask=ids.new_ones(ids.shape), max_new_tokens=MAX_NEW_TOKENS, **SAMPLING
)
print(tokenizer.convert_ids_to_tokens(output_ids[0].tolist()))
print(tokenizer.decode(output_ids[0], skip_special_tokens=True))
