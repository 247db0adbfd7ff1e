"""An agent: the model writes a call, the tool answers, the model goes on, at most STEPS times."""

import ast
import datetime
import json
import operator
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "pocket/weights/chat"
QUESTION = "What is 12*34?"
STEPS = 3
MAX_NEW_TOKENS = 160
PAGES = "backend/corpus/pages.json"  # what search looks through: it needs no network
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


# name, types and docstring of these functions are all that the model is told of them
def search(query: str) -> str:
    """finds facts

    Args:
        query: what to look for
    """
    pages = json.loads(Path(PAGES).read_text("utf-8"))
    found = [page["text"] for page in pages if query.lower() in page["title"].lower()]
    return found[0] if found else "Error: nothing was found."


def calculator(expression: str) -> str:
    """works out numbers

    Args:
        expression: such as 12*3
    """
    tree = ast.parse(expression, mode="eval").body  # calculator.py has more than these three
    return str(OPERATORS[type(tree.op)](tree.left.value, tree.right.value))


def clock() -> str:
    """tells the time"""
    now = datetime.datetime.now()
    return f"{now.hour}:{now.minute:02}"


tools = {f.__name__: f for f in (search, calculator, clock)}
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32")
messages = [{"role": "user", "content": QUESTION}]

for step in range(1, STEPS + 1):
    # the template writes the schemas into the system text
    prompt = tokenizer.apply_chat_template(
        messages,
        tools=list(tools.values()),
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.generate(**prompt, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
    new = output[0, prompt["input_ids"].shape[1] :]
    text = tokenizer.decode(new, skip_special_tokens=True).strip()
    print(f"{step}: {text}")
    if not text.startswith("{"):
        break
    try:  # only the model's own turn is read as a call, never a result
        call = json.loads(text)
        result = tools[call["name"]](**call["arguments"])
    except Exception as error:  # the model is told, so that it can mend the call
        result = f"Error: {error}"
    print("   result:", result)
    for mark in tokenizer.all_special_tokens:  # a result must not hold "</s>" as a token
        result = result.replace(mark, mark.replace("<", "‹").replace(">", "›"))
    messages += [{"role": "assistant", "content": text}, {"role": "tool", "content": result}]
