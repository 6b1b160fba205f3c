"""A conversation as token ids, and token ids as text: the same ids for every engine, because all of them ask this."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from rlvr.core.errors import FieldViolation
from rlvr.sampler.engine import ChatMessage, invalid_request


def encode(tokenizer: Any, messages: Sequence[ChatMessage]) -> list[int]:
    """The prompt's token ids: by the tokenizer's chat template, or without one a single message's own text.

    Raises:
        InvalidRequest: a conversation, and no template that says how to write it.
    """
    if tokenizer.chat_template is None:
        if len(messages) != 1:
            raise invalid_request(
                FieldViolation(
                    "messages",
                    "the policy's tokenizer has no chat template, so a prompt is one message (its text), not "
                    f"{len(messages)}: add a chat_template.jinja to the folder",
                )
            )
        return list(tokenizer(messages[0].content)["input_ids"])
    chat = [{"role": message.role, "content": message.content} for message in messages]
    return list(tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"])


def decode(tokenizer: Any, completions: Sequence[array[int]]) -> list[str]:
    """The text of each completion, without special tokens."""
    texts: list[str] = tokenizer.batch_decode([ids.tolist() for ids in completions], skip_special_tokens=True)
    return texts
