r"""The text as its reader sees it.

What shows nothing asserts nothing: comments, invisible characters, `\phantom`, what is struck out. What changes the
look alone is taken off: colours, sizes, bold.
"""

from __future__ import annotations

import re

_OVERRIDE = re.compile("[\u202d\u202e]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Zero-width, filling and bidirectional characters, variation selectors, and the tag characters that spell unseen."""
_COMMENT_LINE = re.compile(r"^[ \t]{0,8}%[^\n]*", re.MULTILINE)
_CONTROL_TOKEN = re.compile(r"<\|[a-z_]{1,32}\|>")
_STRUCK = re.compile(
    r"(?<![\w~\\])~~(?=[^\s~])[^~\n]{0,200}[^\s~]~~(?![\w~])|<(del|strike|s)>[^<]{0,200}</\1>", re.IGNORECASE
)
_EMPHASIS_TAG = re.compile(r"</?(?:b|strong|i|em|u|mark|br|p)\s{0,2}/?>", re.IGNORECASE)
_LOOK = re.compile(
    r"\\(?:(?:text|math)?color\s{0,4}(?:\[[A-Za-z]{1,10}\])?\s{0,4}\{[^{}]{0,40}\}|colorbox\s{0,4}\{[^{}]{0,40}\}"
    r"|(?:tiny|small|normalsize|large|Large|LARGE|huge|Huge|bm|boldsymbol)(?![A-Za-z]))"
)
_UNSEEN_COMMANDS = ("phantom", "cancel", r"\sout")
_UNSEEN = re.compile(r"\\(?:[hv]?phantom|[bx]?cancel|sout)\s{0,4}\{|\\.|[{}]", re.DOTALL)


def without_comments(text: str) -> str:
    """The text without `<!-- ... -->`; a comment that is never closed runs to the end, as in a browser."""
    if "<!--" not in text:
        return text
    pieces, position = [], 0
    while (start := text.find("<!--", position)) != -1:
        pieces.append(text[position:start])
        end = text.find("-->", start + 4)
        position = end + 3 if end != -1 else len(text)
    return "".join([*pieces, text[position:]])


def as_shown(text: str) -> str | None:
    """The text as it is seen; None where a direction override makes it read otherwise than it is written."""
    if not text.isascii():
        if _OVERRIDE.search(text):
            return None
        text = _INVISIBLE.sub("", text)
    if "<" in text:
        text = _EMPHASIS_TAG.sub("", _CONTROL_TOKEN.sub("", text))
    if "~~" in text or "</" in text:
        text = _STRUCK.sub("", text)
    if "%" in text:
        text = _COMMENT_LINE.sub("", text)
    if "\\" in text:
        if any(command in text for command in _UNSEEN_COMMANDS):
            text = _without_unseen(text)
        text = _LOOK.sub("", text)
    return text


def _without_unseen(text: str) -> str:
    r"""Without `\phantom{...}` and `\cancel{...}`; one that is never closed hides the rest."""
    pieces, position, depth = [], 0, 0
    hidden_at: int | None = None
    for match in _UNSEEN.finditer(text):
        token = match[0]
        if token == "}":
            depth = max(0, depth - 1)
            if hidden_at == depth:
                hidden_at, position = None, match.end()
        elif token[-1] == "{" and token != r"\{":
            if token != "{" and hidden_at is None:
                pieces.append(text[position : match.start()])
                hidden_at = depth
            depth += 1
    return "".join(pieces) + (text[position:] if hidden_at is None else "")
