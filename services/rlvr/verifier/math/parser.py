"""Answer text to tree: lists, relations, units and words around the formulas of `expression`.

answer   = item (("," | ";" | "and" | "or") item)*
item     = f(x) "=" union | union (relation union)*
union    = quantity ("\\cup" quantity)*
quantity = currency? formula (":" formula)* unit?
"""

from __future__ import annotations

import re
from fractions import Fraction

from rlvr.verifier.math.expression import ExpressionParser
from rlvr.verifier.math.limits import MAX_ANSWER_CHARS, MAX_ITEMS, OverBudget, Unparseable
from rlvr.verifier.math.normalise import normalise
from rlvr.verifier.math.tokens import Token, tokenize
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Constant,
    Definition,
    Equation,
    Negation,
    Node,
    Number,
    Percent,
    Quantity,
    Ratio,
    Sequence,
    Symbol,
    Union,
    Words,
    free_symbols,
)
from rlvr.verifier.math.units import canonical_unit

_INTEGER = re.compile(r"-?[0-9]{1,300}")
_TEXT_WRAPPER = re.compile(r"\\(?:text|textbf|textit|textrm|mbox|hbox|mathrm|mathbf)\s?\{([^{}]*)\}")
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[ '.-]{1,2}[^\W\d_]+){0,40}")
_MATH_WORDS = frozenset(
    {"pi", "infinity", "infty", "inf", "oo", "alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "sigma"}
    | {"omega", "phi", "psi", "rho", "tau"}
)
_NOT_A_NUMBER = frozenset({"nan", "null"})
"""What missing values look like in a careless data set."""
_NO_SOLUTION = frozenset(
    {"no solution", "no solutions", "no real solution", "no real solutions", "empty set", "the empty set"}
)
_ORDINAL = re.compile(r"(?<=[0-9])\^\{?(?:\\(?:text|mathrm)\{)?(?:st|nd|rd|th)\b\}{0,2}")
"""The raised letters of 12^{th}."""
_MULTIPLIERS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_CURRENCIES = {r"\$": "dollar", r"\pounds": "pound sterling", r"\euro": "euro"}
_DENIALS_AND_HEDGES = """
    not no isn never neither nor wrong incorrect false if unless except maybe perhaps possibly probably is are was
    were be than less more about approximately roughly but instead answer either
"""
_NEVER_IN_A_UNIT = frozenset(_DENIALS_AND_HEDGES.split())
_MAX_UNIT_WORDS = 6
_ORDER = {"<": False, "<=": True, ">": False, ">=": True}
"""Inequality signs -> whether the bound belongs to the interval."""
_RELATIONS = ("=", "<", "<=", ">", ">=", r"\approx", r"\in")
_INFINITY = Constant("infinity")


def parse_answer(text: str) -> Node:
    """The tree of one answer text, the candidate's or the gold's.

    Raises:
        Unparseable: the text is in no form that is read.
        OverBudget: it is over a budget of `limits`.
    """
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return number_node(text)
    if len(text) > MAX_ANSWER_CHARS:
        raise OverBudget(f"an answer of {len(text)} characters; the limit is {MAX_ANSWER_CHARS}")
    text = _undecorated(normalise(text))
    if not text:
        raise Unparseable("empty")
    words = _words(text)
    if words is not None:
        return words
    tokens = tokenize(text)
    if not tokens:
        raise Unparseable("empty")
    if any(token.text in (r"\pm", r"\mp") for token in tokens):
        return _both_signs(tokens)
    return AnswerParser(tokens).answer()


def number_node(text: str) -> Node:
    """A plain integer; negative ones in the shape the grammar gives them."""
    return Negation(Number(Fraction(text[1:]))) if text[0] == "-" else Number(Fraction(text))


def _undecorated(text: str) -> str:
    """Without markdown emphasis, code ticks and final punctuation."""
    text = _ORDINAL.sub("", text.strip("`").strip())
    while len(text) > 4 and text[:2] == "**" == text[-2:]:
        text = text[2:-2].strip()
    if not text.strip("*"):
        return ""
    text = text.removesuffix("**").removeprefix("**")
    while text and text[-1] in " .;,\n" and text[-2:-1] != "\\":
        text = text[:-1]
    return text


def _words(text: str) -> Node | None:
    """The answer as words, if it is nothing but words."""
    content = _TEXT_WRAPPER.sub(lambda match: f" {match[1]} ", text)
    content = content.replace("$", " ").replace("~", " ").replace(r"\ ", " ").strip(" .,!")
    content = " ".join(content.split())
    folded = content.casefold()
    if folded in _NOT_A_NUMBER:
        raise Unparseable(f"{folded} is not an answer")
    if folded in _NO_SOLUTION:
        return Sequence("{", "}", ())
    if _WORDS.fullmatch(content) and folded not in _MATH_WORDS:
        return Words(folded)
    return None


def _both_signs(tokens: list[Token]) -> Node:
    r"""`a \pm b` is the list of a + b and a - b."""
    readings = []
    for plus, minus in (("+", "-"), ("-", "+")):
        signs = {r"\pm": plus, r"\mp": minus}
        readings.append(AnswerParser([_replace(token, signs) for token in tokens]).answer())
    items: list[Node] = []
    for reading in readings:
        parts = reading.items if isinstance(reading, Sequence) and not reading.opening else (reading,)
        items += [part for part in parts if part not in items]
    return Sequence("", "", tuple(items))


def _replace(token: Token, signs: dict[str, str]) -> Token:
    return Token("sign", signs[token.text], token.spaced) if token.text in signs else token


class AnswerParser(ExpressionParser):
    """One answer. Use `parse_answer`."""

    def answer(self) -> Node:
        """The whole of the tokens.

        Raises:
            Unparseable: something is left over.
        """
        items = [self.item()]
        while self.accept(",", ";"):
            self.accept(",", ";")  # `1, 2, and 3`
            items.append(self.item())
            if len(items) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
        if self.peek().kind != "end":
            raise Unparseable(f"cannot read {self.peek().text!r} here")
        return items[0] if len(items) == 1 else Sequence("", "", tuple(items))

    def item(self) -> Node:
        parameters = self._definition_head()
        if parameters:
            return Definition(parameters, self._union())
        sides, relations = [self._union()], []
        while relation := self.accept(*_RELATIONS):
            relations.append(relation)
            sides.append(self._union())
        return _related(sides, relations) if relations else sides[0]

    def _definition_head(self) -> tuple[str, ...]:
        """The parameters of a leading `f(x, y) =`, taken; none if there is no such head."""
        if self.peek().kind != "symbol" or self.peek(1).text != "(" or self.peek(2).kind != "symbol":
            return ()
        names, ahead = [self.peek(2).text], 3
        while self.peek(ahead).text == "," and self.peek(ahead + 1).kind == "symbol":
            names.append(self.peek(ahead + 1).text)
            ahead += 2
        if self.peek(ahead).text != ")" or self.peek(ahead + 1).text != "=":
            return ()
        self.position += ahead + 2
        return tuple(names)

    def _union(self) -> Node:
        parts = [self._quantity()]
        while self.accept(r"\cup"):
            parts.append(self._quantity())
            if len(parts) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def _quantity(self) -> Node:
        negative = self.peek().text == "-" and self.peek(1).text in _CURRENCIES and bool(self.take())
        currency = self.accept(*_CURRENCIES)
        node = self._scaled(self._ratio())
        if negative:
            node = Negation(node)
        if self.peek().kind == "word" and self.peek().text.lower() == "percent":
            self.take()
            node = Percent(node)
        unit = self._unit()
        if currency:
            unit = _CURRENCIES[currency] + (unit if unit.startswith("/") else "")
        return Quantity(node, unit) if unit else node

    def _ratio(self) -> Node:
        start = self.position
        parts = [self.sum()]
        while self.accept(":"):
            parts.append(self.sum())
        if len(parts) == 1:
            return parts[0]
        clock = bool(
            re.fullmatch(r"[0-9]{1,2}(?::[0-9]{2}){1,2}", "".join(t.text for t in self.tokens[start : self.position]))
        )
        return Ratio(tuple(parts), clock)

    def _scaled(self, node: Node) -> Node:
        """`3 million` as one number."""
        if isinstance(node, Number) and self.peek().kind == "word":
            exponent = _MULTIPLIERS.get(self.peek().text.lower())
            if exponent is not None:
                self.take()
                return Number(node.value * 10**exponent)
        return node

    def _unit(self) -> str:
        """The unit that follows, in its canonical spelling; empty if there is none."""
        words: list[str] = []
        if self._degree_mark():
            self._take_degree_mark()
            words.append("degree")
        while True:
            token = self.peek()
            if token.kind in ("word", "unit") or (words and token.kind in ("letters", "symbol") and token.spaced):
                words.append(self.take().text)
            elif token.text == "/" and self.peek(1).kind in ("word", "unit", "symbol", "letters"):
                words += [self.take().text, self.take().text]
            elif words and token.text == "^":
                self.take()
                words += ["^", self._unit_power()]
            else:
                break
        if len(words) > _MAX_UNIT_WORDS or any(word.lower() in _NEVER_IN_A_UNIT for word in words):
            raise Unparseable(f"{' '.join(words)[:60]!r} is not a unit")
        return canonical_unit(" ".join(words)) if words else ""

    def _take_degree_mark(self) -> None:
        self.expect("^")
        braced = self.accept("{")
        self.expect(r"\circ")
        if braced:
            self.expect("}")

    def _unit_power(self) -> str:
        braced = self.accept("{")
        token = self.take()
        if braced:
            self.expect("}")
        if token.text not in ("2", "3"):
            raise Unparseable("a unit is squared or cubed")
        return token.text


def _related(sides: list[Node], relations: list[str]) -> Node:
    if set(relations) <= {"=", r"\approx"}:
        # `exact = other form \approx decimal`: the approximations add nothing to what is exact.
        exact = [sides[0]]
        exact += [side for side, relation in zip(sides[1:], relations, strict=True) if relation == "="]
        if len(exact) == 1 and isinstance(exact[0], Symbol):
            exact.append(sides[1])
        return exact[0] if len(exact) == 1 else Equation(tuple(exact))
    if relations == [r"\in"]:
        return sides[1]
    return _interval(sides, relations)


def _interval(sides: list[Node], relations: list[str]) -> Node:
    """`x > 3`, `3 < x`, `1 < x <= 2` as the interval they stand for.

    Raises:
        Unparseable: anything else, such as an inequality still to be solved.
    """
    if not set(relations) <= set(_ORDER) or len(sides) > 3:
        raise Unparseable("a chain of mixed relations")
    if all(relation[0] == ">" for relation in relations):
        sides, relations = sides[::-1], relations[::-1]
    elif not all(relation[0] == "<" for relation in relations):
        raise Unparseable("a chain of inequalities in both directions")
    closed = [_ORDER[relation] for relation in relations]
    if len(sides) == 3:
        low, variable, high = sides
    elif isinstance(sides[0], Symbol):
        low, variable, high = Negation(_INFINITY), sides[0], sides[1]
        closed = [False, *closed]
    else:
        low, variable, high = sides[0], sides[1], _INFINITY
        closed = [*closed, False]
    bounded = all(isinstance(bound, EXPRESSIONS) for bound in (low, high))
    if not isinstance(variable, Symbol) or not bounded or variable.name in free_symbols(low) | free_symbols(high):
        raise Unparseable("an inequality that is not solved for a variable")
    return Sequence("[" if closed[0] else "(", "]" if closed[1] else ")", (low, high))
