"""A SentencePiece-style BPE tokenizer: U+2581 for the blank, bytes for what is not in it.

Ids as Llama's: 0 `<unk>`, 1 `<s>`, 2 `</s>`, then the 256 bytes, then what training finds.
"""

import json
from collections.abc import Iterable

from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

VOCABULARY = 2048
CONTEXT = 2048
SPECIAL = ("<unk>", "<s>", "</s>")
SCRIPTS = Regex("[\u3041-\u3096]+|[\u30a1-\u30fc]+|[\u4e00-\u9fff]+")  # kana, kana, kanji
ASCII = [chr(code) for code in range(33, 127)]
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))

# Llama-2's chat format: the system text is folded into the first user turn. Tools are listed in it,
# a call is one line of JSON, and what a tool returns comes as the next turn.
CHAT_TEMPLATE = """\
{%- set turns = messages[1:] if messages[0]['role'] == 'system' else messages -%}
{%- set system = (messages[0]['content'] | trim) if messages[0]['role'] == 'system' else '' -%}
{%- if tools -%}
  {%- set lines = namespace(text='Tools:') -%}
  {%- for tool in tools -%}
    {%- set f = tool['function'] -%}
    {%- set lines.text = lines.text + '\\n' + f['name'] + '('\
 + (f['parameters']['properties'].keys() | join(', ')) + '): ' + f['description'] -%}
  {%- endfor -%}
  {%- set system = (system + '\\n\\n' if system else '') + lines.text -%}
{%- endif -%}
{%- if system -%}{%- set system = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' -%}{%- endif -%}
{%- for turn in turns -%}
  {%- set role = turn['role'] -%}
  {%- if (role == 'assistant') != (loop.index0 % 2 == 1) or (loop.first and role != 'user')\
 or role == 'system' -%}
    {{- raise_exception('After an optional system message, user and assistant must alternate,\
 beginning with user') -}}
  {%- endif -%}
  {%- if role == 'assistant' and turn['tool_calls'] -%}
    {%- set f = turn['tool_calls'][0]['function'] -%}
    {{- ' {"name": "' + f['name'] + '", "arguments": ' + (f['arguments'] | tojson) + '} '\
 + eos_token -}}
  {%- elif role == 'assistant' -%}
    {{- ' ' + turn['content'] | trim + ' ' + eos_token -}}
  {%- else -%}
    {{- bos_token + '[INST] ' + (system if loop.first else '')\
 + ('Result: ' if role == 'tool' else '') + turn['content'] | trim + ' [/INST]' -}}
  {%- endif -%}
{%- endfor -%}
"""


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Learn the pieces from texts."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    # only while training: no piece spans a blank, a newline, two digits or two scripts
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "removed"),
            pre_tokenizers.Split("\u2581", "merged_with_next"),
            pre_tokenizers.Split(SCRIPTS, "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Punctuation("isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*SPECIAL, *BYTES],
        initial_alphabet=ASCII,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    state = json.loads(tokenizer.to_str())
    # bytes are ordinary pieces, not special tokens; without the splits as SentencePiece works
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] in SPECIAL]
    state["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return tokenizer


def wrap(tokenizer: Tokenizer, *, chat: bool) -> PreTrainedTokenizerFast:
    """Return it as transformers uses it; only the chat model's has a template."""
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=CONTEXT,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
    if chat:
        wrapped.chat_template = CHAT_TEMPLATE
    return wrapped
