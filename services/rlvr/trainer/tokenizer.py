"""The tokenizer of a preset: one token per digit, sign and word, each with and without a space before it.

Since the space belongs to the token, decoding is concatenation and gives back exactly the text that was encoded:
`= \\boxed{-12}` is the tokens ` =`, ` \\boxed{`, `-`, `1`, `2`, `}`.
"""

from __future__ import annotations

import string

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PAD, EOS, UNKNOWN = "<|pad|>", "<|end|>", "<|unknown|>"
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
_WORDS = ("State", "the", "final", "answer", "to", "following", "arithmetic", "problem", "\\boxed{")
_SYMBOLS = string.digits + "+-*/=().,:;?!{}"
_PIECE = Regex(r" ?(?:\\boxed\{|[A-Za-z]+|[^ A-Za-z])")

# The content of an assistant's message ends with EOS, as the policy ends it.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|{{ message['role'] }}|>{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Make the tokenizer; text outside its vocabulary becomes UNKNOWN, one token per word or character."""
    pieces = [PAD, EOS, UNKNOWN, *_ROLES]
    pieces += [space + piece for piece in (*_WORDS, *_SYMBOLS) for space in ("", " ")]
    backend = Tokenizer(models.WordLevel({piece: index for index, piece in enumerate(pieces)}, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Split(_PIECE, behavior="isolated")
    backend.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNKNOWN,
        additional_special_tokens=list(_ROLES),
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
