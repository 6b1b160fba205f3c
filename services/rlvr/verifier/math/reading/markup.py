r"""Repairs of what data sets do to LaTeX: escapes taken for control characters, doubled backslashes, HTML.

    form feed + "rac{1}{2}"   \frac{1}{2}     the \f of a JSON or Python text that was unescaped once too often
    \\frac{1}{2}              \frac{1}{2}     and of one that was unescaped once too seldom
    3<sup>x</sup> &le; 5      3^{x} ≤ 5

Every repair is one pass over the text.
"""

from __future__ import annotations

import html
import re

from rlvr.verifier.math.reading.vocabulary import COMMANDS

_SLIPPED_COMMANDS = {
    "\a": ("a", "lpha|ngle|pprox|rcsin|rccos|rctan|rg|st"),
    "\b": ("b", "eta|inom|oxed|egin|mod|ar|ig|igg|igl|igr|iggl|iggr|oldsymbol|ullet"),
    "\t": ("t", "ext|extbf|imes|an|anh|heta|frac|au|o|op|riangle|binom|ilde"),
    "\n": ("n", "eq|abla|otin"),
    "\v": ("v", "ec|arphi|arepsilon|arnothing|artheta|ert|ee"),
    "\f": ("f", "rac|orall|box"),
    "\r": ("r", "ight|angle|ho|ceil|floor|brace|vert|ightarrow"),
}
"""Control character -> the letter it was, and how the commands that begin with it go on."""
_SLIP = re.compile(
    "|".join(f"{control}(?:{rest})(?![A-Za-z])" for control, (_, rest) in _SLIPPED_COMMANDS.items())
    + r"|\A(?:rac(?=[{0-9])|(?:ext|ec)(?=\{)|heta(?![A-Za-z]))"
)
_CUT_SHORT = {"rac": r"\frac", "ext": r"\text", "ec": r"\vec", "heta": r"\theta"}
"""At the very start the control character may have been stripped as white space."""
_TAB_OR_WORD = frozenset({"\tan", "\to", "\top", "\tau"})
"""After a tab these may also be words; they are commands where there is mathematics about."""
_MATHEMATICS = re.compile(r"[\\^_{}=()]")

_BACKSLASHES = re.compile(r"\\{2,}(?=([A-Za-z]+)|[{}%,$])")
_TAG_PAIR = re.compile(r"<(sup|sub|b|i|em|strong|span|p|u)>([^<>]*)</\1>", re.IGNORECASE)
_TAG_OPENINGS = {"sup": "^{", "sub": "_{"}
_BREAK = re.compile(r"<br\s?/?>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,10}|#[0-9]{2,6}|#x[0-9a-fA-F]{2,5});")

DAMAGED = re.compile(r"[\x07-\x0d]|\\\\|</?[a-zA-Z]|&[#a-zA-Z]|\A(?:rac|ext|ec|heta)(?![a-z])")
"""Where this is not found there is nothing to repair."""


def repaired(text: str) -> str:
    """The text with its escape slips, doubled backslashes and HTML put right."""
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = _BREAK.sub(" ", text)
    text = _TAG_PAIR.sub(_tagged, text)
    mathematics = _MATHEMATICS.search(text) is not None
    text = _SLIP.sub(lambda slip: _command(slip[0], mathematics=mathematics), text)
    return _single_backslashes(text)


def _tagged(pair: re.Match[str]) -> str:
    opening = _TAG_OPENINGS.get(pair[1].lower())
    return f"{opening}{pair[2]}}}" if opening else pair[2]


def _command(slip: str, *, mathematics: bool) -> str:
    if slip in _TAB_OR_WORD and not mathematics:
        return slip
    if slip[0] in _SLIPPED_COMMANDS:
        return f"\\{_SLIPPED_COMMANDS[slip[0]][0]}{slip[1:]}"
    return _CUT_SHORT[slip]


def _single_backslashes(text: str) -> str:
    r"""One backslash before commands; `\\` stays where it breaks the rows of a matrix."""
    if r"\\begin" in text:  # the whole text was escaped twice, its row breaks too
        return text.replace("\\\\", "\\")
    if r"\begin" in text:
        return text
    return _BACKSLASHES.sub(lambda run: "\\" if run[1] is None or f"\\{run[1]}" in COMMANDS else run[0], text)
