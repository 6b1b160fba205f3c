"""Answer text to tokens, in one linear pass.

Spacing, sizing and math delimiters (`\\,` `\\left` `$`) vanish here; `\\text{...}` is opened up; every word
of more than one letter is told apart as function, constant, unit or other word.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rlvr.verifier.math.limits import MAX_LITERAL_DIGITS, OverBudget, Unparseable
from rlvr.verifier.math.reading.units import AMBIGUOUS, SHORT_UNITS


class Token(NamedTuple):
    kind: str
    """`number`, `symbol`, `constant`, `function`, `command`, `word`, `unit`, `letters` or `sign`.

    `letters` is a short word such as `ab`: a product in a formula, a word after a unit."""
    text: str
    spaced: bool = False
    """Whether white space stands before it."""


_ALIASES = {
    r"\cdot": "*", r"\times": "*", r"\ast": "*", r"\div": "/", "÷": "/", "**": "^",
    r"\le": "<=", r"\leq": "<=", r"\leqslant": "<=", r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=",
    r"\lt": "<", r"\gt": ">", r"\{": r"\{", r"\}": r"\}", r"\lbrace": r"\{", r"\rbrace": r"\}", r"\%": "%",
    r"\lvert": "|", r"\rvert": "|", r"\vert": "|", r"\mid": "|", r"\colon": ":", r"\lbrack": "[",
    r"\rbrack": "]", r"\cupdot": r"\cup", r"\varnothing": r"\emptyset", r"\arc": "",
}  # fmt: skip
_SIZES_AND_SPACES = r"""
    \left \right \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \biggl \biggr \Biggl \Biggr \displaystyle
    \textstyle \quad \qquad \limits \boxed \fbox \, \; \: \! \( \) \[ \]
"""
_DROPPED = frozenset(_SIZES_AND_SPACES.split())
FUNCTIONS = {
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "tg": "tan",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "asin": "asin", "acos": "acos", "atan": "atan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "ln": "ln", "log": "log", "lg": "lg", "exp": "exp",
    "sqrt": "sqrt", "abs": "abs", "floor": "floor", "ceil": "ceil",
}  # fmt: skip
_CONSTANTS = {"pi": "pi", "e": "e", "i": "i", "infinity": "infinity", "infty": "infinity", "inf": "infinity"}
_CONSTANTS |= {"oo": "infinity"}
_GREEK_NAMES = """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau
    upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell
"""
_GREEK = frozenset(_GREEK_NAMES.split())
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_SEPARATORS = frozenset({"and", "or"})

_GROUPED = r"[0-9]{1,3}(?:(?:,\\!|\\,|\{,\}%s)[0-9]{3})+(?![0-9])(?:\.[0-9]+)?"
_PLAIN = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+(?![0-9.]))?"
_SCANNER = r"""
    (?P<space>\s+|~|\\\ )
  | (?P<newrow>\\\\)
  | (?P<begin>\\(?:begin|end)\s?\{[a-z]+\*?\})
  | (?P<blackboard>\\math(?:bb|cal)\s?\{[A-Z]\})
  | (?P<text>\\(?:text|textbf|textit|textrm|mbox|hbox|mathrm|mathbf|mathit|operatorname\*?)\s?\{[^{}]*\})
  | (?P<command>\\[A-Za-z]+|\\[{}%%$,;:!()\[\]])
  | (?P<number>%s|%s)
  | (?P<word>[A-Za-z]+)
  | (?P<sign>\*\*|<=|>=|[-+*/^_=<>(),;:|!%%&\[\]{}$.÷])
"""
# A comma between digits groups thousands, except inside brackets, where it separates items.
_OUTSIDE_BRACKETS = re.compile(_SCANNER % (_GROUPED % "|,", _PLAIN), re.VERBOSE)
_INSIDE_BRACKETS = re.compile(_SCANNER % (_GROUPED % "", _PLAIN), re.VERBOSE)
_GROUPING = re.compile(r"[^0-9.eE+-]")


def split_letters(token: Token) -> list[Token]:
    """The variables of a `letters` token."""
    return [Token("constant" if letter in _CONSTANTS else "symbol", letter) for letter in token.text]


def tokenize(text: str) -> list[Token]:
    """Tokens of a normalised answer text.

    Raises:
        Unparseable: a character that belongs to no answer.
        OverBudget: a number with too many digits.
    """
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.plain = "\\" not in text and "$" not in text
        self.brackets = 0
        self.spaced = False

    def run(self) -> list[Token]:
        position, end = 0, len(self.text)
        while position < end:
            pattern = _INSIDE_BRACKETS if self.brackets else _OUTSIDE_BRACKETS
            match = pattern.match(self.text, position)
            if match is None:
                raise Unparseable(f"cannot read {self.text[position]!r}")
            position = match.end()
            kind = match.lastgroup or ""
            if kind == "space":
                self.spaced = True
                continue
            getattr(self, f"_{kind}")(match[0])
        return self.tokens

    def _emit(self, kind: str, text: str) -> None:
        self.tokens.append(Token(kind, text, self.spaced))
        self.spaced = False

    def _newrow(self, _: str) -> None:
        self._emit("sign", r"\\")

    def _begin(self, text: str) -> None:
        self._emit("command", text.replace(" ", "").replace("*", ""))

    def _blackboard(self, text: str) -> None:
        self._emit("symbol", text.replace(" ", ""))

    def _number(self, text: str) -> None:
        text = _GROUPING.sub("", text)
        if len(text) > MAX_LITERAL_DIGITS:
            raise OverBudget(f"a number of {len(text)} digits; the limit is {MAX_LITERAL_DIGITS}")
        self._emit("number", text)

    def _sign(self, text: str) -> None:
        if text == "$":
            return self._dollar()
        if text == ".":  # a full stop: what is a decimal point was read with its digits
            return None
        if text in "([":
            self.brackets += 1
        elif text in ")]":
            self.brackets = max(0, self.brackets - 1)
        return self._emit("sign", _ALIASES.get(text, text))

    def _dollar(self) -> None:
        # Delimiters come in pairs and vanish; one alone is a currency sign.
        if self.text.count("$") % 2 and not any(token.text == r"\$" for token in self.tokens):
            self._emit("sign", r"\$")
        else:
            self.spaced = True

    def _command(self, text: str) -> None:
        if text in _DROPPED:
            self.spaced = True
        elif text in (r"\$", r"\pounds", r"\euro"):
            self._emit("sign", text)
        elif text in _ALIASES:
            alias = _ALIASES[text]
            if alias == r"\{":
                self.brackets += 1
            elif alias == r"\}":
                self.brackets = max(0, self.brackets - 1)
            self._emit("sign", alias)
        elif text[1:] in _CONSTANTS:
            self._emit("constant", _CONSTANTS[text[1:]])
        elif text[1:] in _GREEK:
            self._emit("symbol", text[1:])
        elif text[1:] in FUNCTIONS:
            self._emit("function", FUNCTIONS[text[1:]])
        else:
            self._emit("command", text)

    def _word(self, text: str, upright: bool = False) -> None:
        last = self.tokens[-1] if self.tokens else None
        after_number = last is not None and last.kind == "number"
        if text in _ORDINALS and last is not None and (after_number or last.text == "}"):
            return
        if len(text) == 1:
            if text in AMBIGUOUS and (upright or (after_number and self.spaced and self.plain)):
                self._emit("unit", text)
            elif text in _CONSTANTS:
                self._emit("constant", text)
            else:
                self._emit("symbol", text)
        elif text in FUNCTIONS:
            self._emit("function", FUNCTIONS[text])
        elif text.lower() in _CONSTANTS:
            self._emit("constant", _CONSTANTS[text.lower()])
        elif text in _GREEK:
            self._emit("symbol", text)
        elif text.lower() in _SEPARATORS:
            self._emit("sign", ",")
        elif len(text) > 3 or text in SHORT_UNITS or text.lower() in SHORT_UNITS or upright:
            self._emit("word", text)
        else:
            self._emit("letters", text)

    def _text(self, text: str) -> None:
        content = text[text.index("{") + 1 : -1]
        spaced = self.spaced or content[:1].isspace()
        words = content.strip()
        if re.fullmatch(r"[A-Za-z. ]+", words):
            self.spaced = spaced
            for word in words.replace(".", " ").split():
                self._word(word, upright=True)
                self.spaced = True
            return
        nested = _Scan(content)
        nested.brackets = self.brackets
        self.tokens.extend(nested.run())
        self.spaced = True
