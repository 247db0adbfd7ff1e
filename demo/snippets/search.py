"""Search the web, or offline the pages that ship with the lab; pack the hits; answer."""

import json
import math
import os
import re
from pathlib import Path

from transformers import pipeline

MODEL = "pocket/weights/chat"
QUESTION = "What is the capital of Donath?"
HITS = 3
MAX_NEW_TOKENS = 64
PAGES = "backend/corpus/pages.json"
PROMPT = "Answer with the help of the context.\n\nContext:\n{context}\n\nQuestion: {question}"


def search_web(query):
    """DuckDuckGo alone, of any date; needs `pip install ddgs langchain-community`."""
    from langchain_community.tools import DuckDuckGoSearchResults
    from langchain_community.utilities import DuckDuckGoSearchAPIWrapper

    wrapper = DuckDuckGoSearchAPIWrapper(backend="duckduckgo", time=None)
    search = DuckDuckGoSearchResults(output_format="list", num_results=HITS, api_wrapper=wrapper)
    return search.invoke(query)


def search_pages(query):
    """The pages with most of the query's words, a rare word counting more (BM25's idf)."""
    pages = json.loads(Path(PAGES).read_text("utf-8"))
    words = [set(re.findall(r"\w+", f"{page['title']} {page['text']}".lower())) for page in pages]
    asked = set(re.findall(r"\w+", query.lower()))
    rare = {w: math.log(len(pages) / (1 + sum(w in have for have in words))) for w in asked}
    score = [sum(rare[w] for w in asked & have) for have in words]
    best = sorted(range(len(pages)), key=lambda i: -score[i])[:HITS]
    return [{"title": pages[i]["title"], "snippet": pages[i]["text"]} for i in best]


try:
    if os.environ.get("LAB_SEARCH") == "offline":
        raise RuntimeError("LAB_SEARCH=offline")
    hits = search_web(QUESTION)
except Exception as error:  # no network, no package, a rate limit: all look different
    print("offline:", error)
    hits = search_pages(QUESTION)

context = "\n".join(f"[{n}] {hit['snippet']}" for n, hit in enumerate(hits, start=1))
print(context)
pipe = pipeline("text-generation", model=MODEL, dtype="float32")
for prompt in (QUESTION, PROMPT.format(context=context, question=QUESTION)):
    messages = [{"role": "user", "content": prompt}]
    output = pipe(messages, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
    print("->", output[0]["generated_text"][-1]["content"])
