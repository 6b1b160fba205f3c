"""The whole of one answer: lists, labels, relations, definitions and sets around the quantities of `quantities`.

answer   = item (separator item)*          separator = "," | ";" | "and" | "or"
item     = label (":" | "=") item | f(x) "=" sets | sets (relation sets)*
sets     = quantity (("\\cup" | "\\cap" | "\\setminus") quantity)*

What is said of the letters of an answer (`k \\in \\mathbb{Z}`, `where c is a real constant`) is split off first
(see `qualifiers`).
"""

from __future__ import annotations

from rlvr.verifier.math.limits import MAX_ITEMS, OverBudget, Unparseable
from rlvr.verifier.math.reading.qualifiers import DOMAINS, split_qualifiers
from rlvr.verifier.math.reading.quantities import QuantityParser
from rlvr.verifier.math.reading.relations import assigned_by_place, related
from rlvr.verifier.math.reading.tokens import Token
from rlvr.verifier.math.reading.unit_phrase import NEVER_IN_A_UNIT
from rlvr.verifier.math.tree import (
    EXPRESSIONS,
    Definition,
    Difference,
    Equation,
    Intersection,
    Labelled,
    Negation,
    Node,
    Qualified,
    Quantified,
    Residue,
    Sequence,
    Solutions,
    Sum,
    Symbol,
    Union,
    free_symbols,
)

_SEPARATORS = (",", ";", "and", "or")
_RELATIONS = ("=", "<", "<=", ">", ">=", "!=", r"\approx", r"\in", r"\to")
_QUANTITY_WORDS = """
    maximum minimum max min greatest least largest smallest sum difference product quotient mean median mode range
    area perimeter volume length width height base radius diameter length total average remainder vertex center centre
    focus slope
"""
_LABELS = frozenset(_QUANTITY_WORDS.split())
_SET_SIGNS = (r"\cup", r"\cap", r"\setminus")
_LABEL_NAMES = {"max": "maximum", "min": "minimum", "greatest": "maximum", "least": "minimum"}
_MAX_LABEL_TOKENS = 5


def read_statement(tokens: list[Token]) -> Node:
    """The tree of one answer's tokens.

    Raises:
        Unparseable: something is in no form that is read.
        OverBudget: there are too many items, or it is nested too deeply.
    """
    body, domains = split_qualifiers(tokens)
    node = AnswerParser(body).answer()
    return Qualified(node, domains) if domains else node


class AnswerParser(QuantityParser):
    """One answer without qualifiers. Use `read_statement`."""

    def answer(self) -> Node:
        """The whole of the tokens.

        Raises:
            Unparseable: something is left over.
        """
        items, separators = self._list()
        if self.peek().kind != "end":
            raise Unparseable(f"cannot read {self.peek().text!r} here")
        return combined(items, separators)

    def _list(self) -> tuple[list[Node], list[str]]:
        items, separators = [self.item()], []
        while separator := self.accept(*_SEPARATORS):
            while following := self.accept(*_SEPARATORS):  # `1, 2, and 3`
                separator = following
            separators.append(separator)
            items.append(self.item())
            if len(items) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
        return items, separators

    def item(self) -> Node:
        """One member of a list or of a set, a tuple, an interval."""
        label = self._label()
        if label:
            with self._nested():
                return Labelled(label, self.item())
        if quantifier := self.accept(r"\forall", r"\exists"):
            with self._nested():
                return self._quantified(universal=quantifier == r"\forall")
        head = self._definition_head()
        if head:
            return Definition(head[0], head[1:], self._sets())
        sides, relations = [self._sets()], []
        while relation := self.accept(*_RELATIONS):
            relations.append(relation)
            sides.append(self._sets())
            if len(sides) > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} sides")
        return related(sides, relations) if relations else sides[0]

    def _quantified(self, *, universal: bool) -> Node:
        r"""`x > 0, 3^x > x` after `\forall`, to the end of the statement."""
        name, values = self.peek().text, None
        if self.peek().kind != "symbol":
            raise Unparseable("a quantifier without its variable")
        if self.peek(1).text in _RELATIONS:
            taken = self.item()
            if not isinstance(taken, Solutions):
                raise Unparseable("a quantifier whose variable is not bounded simply")
            values = taken.values
        else:
            self.take()
        if not self.accept(",", ":", ";", "|") and self.peek().text == "such":
            self.position += 2
        return Quantified(universal, name, values, self.item())

    def _label(self) -> str:
        """A leading `Maximum =` or `Sequence 1:`, taken; empty if there is none."""
        first = self.peek()
        if first.kind != "word" and not (first.kind == "letters" and first.text.istitle()):
            return ""
        words = [first.text]
        if first.text.casefold() in NEVER_IN_A_UNIT - _LABELS:  # `not: 42` says no more than `not 42`
            return ""
        while len(words) <= _MAX_LABEL_TOKENS:
            token = self.peek(len(words))
            if token.text in (":", "="):
                self.position += len(words) + 1
                label = " ".join(words).casefold()
                return _LABEL_NAMES.get(label, label)
            if (
                len(words) == 1
                and words[0].casefold() in _LABELS
                and (token.kind == "number" or token.text in ("-", "("))
            ):
                self.position += 1
                return _LABEL_NAMES.get(words[0].casefold(), words[0].casefold())
            if token.kind not in ("word", "letters", "symbol", "number"):
                break
            words.append(token.text)
        return ""

    def _definition_head(self) -> tuple[str, ...]:
        """The function and the parameters of a leading `f(x, y) =`, taken; none if there is no such head."""
        if self.peek().kind != "symbol" or self.peek(1).text != "(" or self.peek(2).kind != "symbol":
            return ()
        names, ahead = [self.peek().text, self.peek(2).text], 3
        while self.peek(ahead).text == "," and self.peek(ahead + 1).kind == "symbol":
            names.append(self.peek(ahead + 1).text)
            ahead += 2
        if self.peek(ahead).text != ")" or self.peek(ahead + 1).text != "=":
            return ()
        self.position += ahead + 2
        return tuple(names)

    # sets

    def _sets(self) -> Node:
        node = _set_difference(self.quantity())
        num_parts = 1
        while sign := self.accept(*_SET_SIGNS):
            other = self.quantity()
            num_parts += 1
            if num_parts > MAX_ITEMS:
                raise OverBudget(f"more than {MAX_ITEMS} items")
            if sign == r"\cup":
                node = Union((*node.parts, other) if isinstance(node, Union) else (node, other))
            else:
                node = Intersection((node, other)) if sign == r"\cap" else Difference(node, other)
        return node

    def _braced(self) -> Node:
        """A LaTeX group, or in plain text a set given by a condition."""
        if self.peek().kind == "symbol" and self.peek(1).text in ("|", ":"):
            with self._nested():
                variable = self.take().text
                self.take()
                return self._condition(variable, "}")
        return super()._braced()

    def _bracketed(self, opening: str) -> Node:
        variable = self.peek()
        if opening == r"\{" and variable.kind == "symbol":
            with self._nested():
                if self.peek(1).text in ("|", ":"):
                    self.position += 2
                    return self._condition(variable.text)
                if self.peek(1).text == r"\in" and self.peek(3).text in ("|", ":"):
                    whole = Symbol(self.peek(2).text)
                    self.position += 4
                    condition = self._condition(variable.text)
                    if isinstance(condition, Solutions):
                        return Solutions(variable.text, Intersection((whole, condition.values)))
        return super()._bracketed(opening)

    def _condition(self, variable: str, closing: str = r"\}") -> Node:
        r"""What follows `\{x |`, the closing brace included.

        Raises:
            Unparseable: it is no condition on that variable alone.
        """
        items, separators = self._list()
        self.expect(closing)
        domains = []
        while len(items) > 1 and (domain := _domain_of(items[-1], variable)):
            domains.append(domain)
            items, separators = items[:-1], separators[:-1]
        if domains:
            return Qualified(self._of(variable, combined(items, separators)), tuple(sorted(domains)))
        return self._of(variable, combined(items, separators))

    def _of(self, variable: str, condition: Node) -> Node:
        if isinstance(condition, Solutions) and condition.variable == variable:
            return condition
        points = condition.items if isinstance(condition, Sequence) and not condition.opening else (condition,)
        if all(isinstance(point, Equation) and point.sides[0] == Symbol(variable) for point in points):
            return Sequence("{", "}", tuple(point.sides[-1] for point in points if isinstance(point, Equation)))
        raise Unparseable(f"a set whose condition is not solved for {variable}")


def _domain_of(item: Node, variable: str) -> tuple[str, str] | None:
    r"""`k \in \mathbb{Z}` in the condition of a set of x."""
    match item:
        case Solutions(letter, Symbol(values)) if letter != variable and values in DOMAINS:
            return letter, DOMAINS[values]
        case _:
            return None


def combined(items: list[Node], separators: list[str]) -> Node:
    """The items of a list as one answer: the values of one variable, groups under labels, or a bare list."""
    if len(items) == 1:
        return items[0]
    if body := _with_domain(items):
        return body
    node = _solutions(items, separators) or _residues(items) or _assigned_in_turn(items)
    if node is not None:
        return node
    if isinstance(items[0], Labelled) and not all(isinstance(item, Labelled) for item in items):
        items = _grouped(items)
        if len(items) == 1:
            return items[0]
    for separator in ("or", ";"):
        if separator in separators and set(separators) != {separator} and _all_named(items):
            items = _split(items, separators, separator)
            break
    return Sequence("", "", tuple(items))


def _with_domain(items: list[Node]) -> Node | None:
    r"""`\ln(x + 1), x > -1` without the condition: a formula, and where its variable is taken from."""
    body, *conditions = items
    if not isinstance(body, (*EXPRESSIONS, Definition, Equation)) or not all(
        isinstance(condition, Solutions) for condition in conditions
    ):
        return None
    letters = free_symbols(body) | frozenset(body.parameters if isinstance(body, Definition) else ())
    if isinstance(body, Equation) and isinstance(body.sides[0], Symbol):
        letters -= {body.sides[0].name}
    said = {condition.variable for condition in conditions if isinstance(condition, Solutions)}
    return body if said <= letters else None


def _all_named(items: list[Node]) -> bool:
    return all(isinstance(item, Equation) and isinstance(item.sides[0], Symbol) for item in items)


def _split(items: list[Node], separators: list[str], at: str) -> list[Node]:
    """`x = 3, y = 4 or x = 4, y = 3` as two tuples."""
    groups: list[list[Node]] = [[items[0]]]
    for item, separator in zip(items[1:], separators, strict=True):
        if separator == at:
            groups.append([item])
        else:
            groups[-1].append(item)
    return [group[0] if len(group) == 1 else Sequence("(", ")", tuple(group)) for group in groups]


def _assigned_in_turn(items: list[Node]) -> Node | None:
    """`(x, y) = (3, 4), (4, 3)` with the names for all; None if it is no such list."""
    first = items[0]
    if not isinstance(first, Sequence) or not first.opening or not _all_named(list(first.items)):
        return None
    names = Sequence("(", ")", tuple(item.sides[0] for item in first.items if isinstance(item, Equation)))
    assigned = [item if _is_named(item) else assigned_by_place(names, item) for item in items]
    return Sequence("", "", tuple(item for item in assigned if item)) if all(assigned) else None


def _is_named(item: Node) -> bool:
    return isinstance(item, Sequence) and bool(item.items) and _all_named(list(item.items))


def _residues(items: list[Node]) -> Node | None:
    r"""`n \equiv 1, 4 \pmod 5`: the modulus belongs to all of them; None if there is none at the end."""
    last = items[-1].sides[-1] if isinstance(items[-1], Equation) else items[-1]
    if not isinstance(last, Residue):
        return None
    values = [item.sides[-1] if isinstance(item, Equation) else item for item in items]
    residues = [value if isinstance(value, Residue) else Residue(value, last.modulus) for value in values]
    return Sequence("", "", tuple(residues))


def _solutions(items: list[Node], separators: list[str]) -> Node | None:
    """`x < 1 or x > 3`, `x > 0, x != 1` as the values of x; None if the items are something else."""
    if not any(isinstance(item, Solutions) for item in items):
        return None
    parts: list[Node] = []
    names = set()
    for item in items:
        if isinstance(item, Solutions):
            names.add(item.variable)
            parts.append(item.values)
        elif isinstance(item, Equation) and isinstance(item.sides[0], Symbol):
            names.add(item.sides[0].name)
            parts.append(Sequence("{", "}", (item.sides[-1],)))
        else:
            return None
    if len(names) != 1:
        return None
    together = Union(tuple(parts)) if "or" in separators else Intersection(tuple(parts))
    return Solutions(names.pop(), together)


def _grouped(items: list[Node]) -> list[Node]:
    """`A: 1, 2 and B: 3, 4` as two labelled lists."""
    groups: list[tuple[str, list[Node]]] = []
    for item in items:
        if isinstance(item, Labelled):
            groups.append((item.label, [item.value]))
        else:
            groups[-1][1].append(item)
    return [
        Labelled(label, values[0] if len(values) == 1 else Sequence("", "", tuple(values))) for label, values in groups
    ]


def _set_difference(node: Node) -> Node:
    r"""`\{...\} - \{6\}`, read as a sum, as a difference of sets."""
    if not isinstance(node, Sum) or not isinstance(node.terms[0], Sequence | Solutions | Union):
        return node
    whole: Node = node.terms[0]
    for term in node.terms[1:]:
        if not isinstance(term, Negation) or not isinstance(term.operand, Sequence):
            return node
        whole = Difference(whole.values if isinstance(whole, Solutions) else whole, term.operand)
    return whole
