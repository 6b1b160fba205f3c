"""Answer text to tokens, in one linear pass.

Spacing, sizing and math delimiters (`\\,` `\\left` `$`) vanish here; `\\text{...}` is opened up; every word
of more than one letter is told apart as function, constant, unit or other word.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rlvr.verifier.math.limits import MAX_LITERAL_DIGITS, OverBudget, Unparseable
from rlvr.verifier.math.reading.units import (
    AMBIGUOUS,
    CURRENCY_SIGNS,
    SHORT_UNITS,
    SPACED_NOUNS,
    SPACED_UNITS,
    UPRIGHT_LETTERS,
)
from rlvr.verifier.math.reading.vocabulary import (
    ALIASES,
    COMMAND_FUNCTIONS,
    CONSTANTS,
    DROPPED,
    FUNCTIONS,
    GREEK,
    UNIT_VECTORS,
)


class Token(NamedTuple):
    kind: str
    """`number`, `based`, `symbol`, `constant`, `function`, `command`, `word`, `unit`, `letters` or `sign`.

    `letters` is a short word such as `ab`: a product in a formula, a word after a unit."""
    text: str
    spaced: bool = False
    """Whether white space stands before it."""


_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_SEPARATORS = frozenset({"and", "or"})
_BEFORE_A_UNIT = frozenset({"number", "constant", "unit", "word", "letters"})
_FORMULA = re.compile(r"\+|[^\s^eE({,=]\s*-")
"""A sum: `2 m + 3` is no length."""

_GROUPED = r"[0-9]{1,3}(?:(?:,\\!|\\,|\{,\}%s)[0-9]{3})+(?![0-9])(?:\.[0-9]+)?"
_PLAIN = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+(?![0-9.]))?"
_SCANNER = r"""
    (?P<space>\s+|~|\\\ )
  | (?P<newrow>\\\\)
  | (?P<begin>\\(?:begin|end)\s?\{[A-Za-z]+\*?\})
  | (?P<blackboard>\\math(?:bb|cal)\s?(?:\{\s?[A-Z]\s?\}|[A-Z](?![A-Za-z])))
  | (?P<numeral>\\(?:repeating|based)\{[0-9A-Z.]*\}\{[0-9]+\})
  | (?P<bold>\\(?:mathbf|boldsymbol|bm)(?:\s?\{[ijk]\}|\s[ijk](?![A-Za-z])))
  | (?P<text>\\(?:text|textbf|textit|textrm|textnormal|texttt|mbox|hbox|mathrm|mathbf|mathit|mathsf|boldsymbol|bm
      |operatorname\*?)\s?\{[^{}]*\})
  | (?P<command>\\[A-Za-z]+|\\[{}%%$,;:!()\[\]|])
  | (?P<number>%s|%s)
  | (?P<word>[A-Za-z]+)
  | (?P<sign>\*\*|<=|>=|[-+*/^_=<>(),;:|!%%&\[\]{}$.÷'"])
"""
# A comma between digits groups thousands, except inside brackets, where it separates items.
_OUTSIDE_BRACKETS = re.compile(_SCANNER % (_GROUPED % "|,", _PLAIN), re.VERBOSE)
_INSIDE_BRACKETS = re.compile(_SCANNER % (_GROUPED % "", _PLAIN), re.VERBOSE)
_APPLIED_TO_A_LETTER = re.compile(r"(sin|cos|tan|cot|sec|csc|ln|log|lg|exp|sqrt)(x|z|theta|alpha|beta|phi|pi)")
"""`sinx`, `lnx` without a space; letters with which these are no English words."""
_NAMED = "|".join(sorted((*FUNCTIONS, *GREEK, "pi"), key=len, reverse=True))
_SPELT_FORMULA = re.compile(rf"(?:{'|'.join(sorted(FUNCTIONS, key=len, reverse=True))})(?: (?:{_NAMED}|[A-Za-z]))+")
_GROUPING = re.compile(r"[^0-9.eE+-]")


def spells_a_formula(words: str) -> bool:
    """Whether words are a formula after all: `sin x cos x`, `lnx`."""
    return bool(_SPELT_FORMULA.fullmatch(words) or _APPLIED_TO_A_LETTER.fullmatch(words))


def split_letters(token: Token) -> list[Token]:
    """The variables of a `letters` token."""
    return [Token("constant" if letter in CONSTANTS else "symbol", letter) for letter in token.text]


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
        self.mathematics = "\\" in text and "$" not in text
        """Whether this is a formula throughout; otherwise what stands between dollar signs is one."""
        self.upright = False
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
        self._emit("symbol", f"{text[:7]}{{{text.strip('{} ')[-1]}}}")

    def _number(self, text: str) -> None:
        text = _GROUPING.sub("", text)
        if len(text) > MAX_LITERAL_DIGITS:
            raise OverBudget(f"a number of {len(text)} digits; the limit is {MAX_LITERAL_DIGITS}")
        self._emit("number", text)

    def _numeral(self, text: str) -> None:
        """A numeral that `numerals.rewrite_numerals` has put into one token."""
        name, first, second = text.replace("}", "").split("{")
        if len(first) + len(second) > MAX_LITERAL_DIGITS:
            raise OverBudget(f"a number of more than {MAX_LITERAL_DIGITS} digits")
        if name == r"\based":
            self._emit("based", f"{first}_{second}")
        else:
            self._emit("number", f"{first}({second})")

    def _bold(self, text: str) -> None:
        self._emit("symbol", UNIT_VECTORS[text.rstrip("}")[-1]])

    def _sign(self, text: str) -> None:
        if text == "$":
            return self._dollar()
        if text == ".":  # a full stop: what is a decimal point was read with its digits
            return None
        if text in "([":
            self.brackets += 1
        elif text in ")]":
            self.brackets = max(0, self.brackets - 1)
        return self._emit("sign", ALIASES.get(text, text))

    def _dollar(self) -> None:
        # Delimiters come in pairs and vanish; one alone is a currency sign.
        lone = (self.text.count("$") - self.text.count(r"\$")) % 2
        if lone and not any(token.text == r"\$" for token in self.tokens):
            self._emit("sign", r"\$")
        else:
            self.mathematics = not self.mathematics
            self.spaced = True

    def _command(self, text: str) -> None:
        if text in DROPPED:
            self.spaced = True
        elif text in CURRENCY_SIGNS:
            self._emit("sign", text)
        elif text in ALIASES:
            alias = ALIASES[text]
            if alias == r"\{":
                self.brackets += 1
            elif alias == r"\}":
                self.brackets = max(0, self.brackets - 1)
            self._emit("sign", alias)
        elif text[1:] in CONSTANTS:
            self._emit("constant", CONSTANTS[text[1:]])
        elif text[1:] in GREEK:
            self._emit("symbol", text[1:])
        elif text == r"\sqrt":
            self._emit("command", text)
        elif text[1:] in COMMAND_FUNCTIONS:
            self._emit("function", COMMAND_FUNCTIONS[text[1:]])
        else:
            if text in (r"\langle", r"\rangle"):
                self.brackets = max(0, self.brackets + (1 if text == r"\langle" else -1))
            self._emit("command", text)

    def _word(self, text: str, upright: bool = False) -> None:
        last = self.tokens[-1] if self.tokens else None
        after_number = last is not None and last.kind == "number"
        if text in _ORDINALS and last is not None and (after_number or last.text == "}"):
            return
        if len(text) == 1:
            if self._is_unit_letter(text, upright):
                self._emit("unit", text)
            elif text in CONSTANTS:
                self._emit("constant", text)
            else:
                self._emit("symbol", text)
        elif text in FUNCTIONS and not self._seconds(text, after_number):
            self._emit("function", FUNCTIONS[text])
        elif text == "mod":
            self._emit("command", r"\bmod")
        elif text in ("max", "min") and self.text.find(text + "(") >= 0:
            self._emit("function", text)
        elif applied := _APPLIED_TO_A_LETTER.fullmatch(text):
            self._emit("function", FUNCTIONS[applied[1]])
            self._word(applied[2])
        elif text.lower() in CONSTANTS:
            self._emit("constant", CONSTANTS[text.lower()])
        elif text in GREEK:
            self._emit("symbol", text)
        elif text.lower() in _SEPARATORS:
            self._emit("sign", text.lower())
        elif len(text) > 3 or upright or self._is_short_unit(text, after_number):
            self._emit("word", text)
        else:
            self._emit("letters", text)

    def _in_text(self) -> bool:
        """Whether a space in plain text stands here, and the text is no sum of letters."""
        return self.spaced and not self.mathematics and not _FORMULA.search(self.text)

    def _is_unit_letter(self, text: str, upright: bool) -> bool:
        """Whether a letter is a unit: upright behind a value, or in plain text a space behind a number."""
        if text not in UPRIGHT_LETTERS or not self.tokens:
            return False
        last = self.tokens[-1]
        if upright or self.upright:
            return self._behind_value(last) or (last.kind == "symbol" and text in AMBIGUOUS)
        return text in AMBIGUOUS and (last.kind == "number" or last.text in ("}", ")")) and self._in_text()

    def _is_short_unit(self, text: str, after_number: bool) -> bool:
        """Likewise for two or three letters, which elsewhere are a product."""
        if text in SHORT_UNITS or text.lower() in SHORT_UNITS:
            return True
        if text not in SPACED_UNITS and text.lower() not in SPACED_NOUNS:
            return False
        if self.upright:
            return bool(self.tokens) and self._behind_value(self.tokens[-1])
        return after_number and self._in_text()

    def _behind_value(self, last: Token) -> bool:
        if last.text in ("*", "/", "{"):  # `\frac{\text{m}}{\text{s}}` behind a number
            before = self.tokens[-2].kind if len(self.tokens) > 1 else ""
            return before in ("unit", "word") or (last.text == "{" and self.tokens[0].kind == "number")
        return last.kind in _BEFORE_A_UNIT or last.text in ("}", ")", "]", "%")

    def _seconds(self, text: str, after_number: bool) -> bool:
        """Whether `sec` ends the text after a number: a time, not a secant."""
        return text == "sec" and after_number and self.text.rstrip("$}). ").endswith("sec")

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
        nested.tokens = self.tokens
        nested.upright = True
        nested.spaced = self.spaced
        nested.run()
        self.spaced = True
