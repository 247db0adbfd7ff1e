"""A model is files on a disk: their sizes, and what the weights take once they are loaded."""

from pathlib import Path

from transformers import AutoModelForCausalLM

MODEL = "pocket/weights/chat"

# a name such as "meta-llama/Llama-2-7b-chat-hf" lies in the cache; snapshot_download says where
if Path(MODEL).is_dir():
    folder = Path(MODEL)
else:
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(MODEL))
for path in sorted(folder.iterdir(), key=lambda path: -path.stat().st_size):
    print(f"{path.stat().st_size:>12,}  {path.name}")

model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32")
weights = sum(parameter.nbytes for parameter in model.parameters())
print(f"{weights:>12,}  loaded: {model.num_parameters():,} parameters of {model.dtype}")
