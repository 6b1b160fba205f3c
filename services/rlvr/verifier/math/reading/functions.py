r"""Functions of what follows them, coefficients such as C_n^k, and letters with accents, primes and subscripts."""

from __future__ import annotations

from fractions import Fraction

from rlvr.verifier.math.limits import Unparseable
from rlvr.verifier.math.reading.cursor import Cursor
from rlvr.verifier.math.reading.groups import determinant
from rlvr.verifier.math.reading.tokens import Token
from rlvr.verifier.math.reading.units import DEGREE
from rlvr.verifier.math.reading.vocabulary import ACCENTS, BINOMIALS, FRACTIONS, INVERSES, PAIRED, UNIT_VECTORS
from rlvr.verifier.math.tree import (
    Call,
    Constant,
    Matrix,
    Negation,
    Node,
    Number,
    Power,
    Product,
    Quantity,
    Quotient,
    Sequence,
    Symbol,
    walk,
)

_TEN = Number(Fraction(10))
_MINUS_ONE = Negation(Number(Fraction(1)))
_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "cis"})
_OF_SEVERAL = frozenset({"gcd", "lcm", "max", "min"})
_COEFFICIENTS = {"C": "binomial", "P": "permutations", "A": "permutations"}
_COMPLEX_LETTERS = frozenset({Symbol("z"), Symbol("w")})
_APPLIED = frozenset({"f", "F"})
"""Letters that before a bracket are a function of what is in it; any other letter is a factor."""
STARTERS = FRACTIONS | BINOMIALS | ACCENTS | PAIRED.keys() | {r"\sqrt", r"\emptyset"}
"""Commands that begin a factor."""
_MAX_PAIR_TOKENS = 24


class FunctionParser(Cursor):
    """Adds what is written with a name."""

    # the parts of the grammar above that functions are read with

    def _postfix(self, node: Node) -> Node:
        raise NotImplementedError

    def _degree_mark(self) -> bool:
        raise NotImplementedError

    def _take_degree_mark(self) -> None:
        raise NotImplementedError

    def _starts_factor(self) -> bool:
        raise NotImplementedError

    def _signed_atom(self) -> Node:
        raise NotImplementedError

    # functions

    def _function(self, name: str) -> Node:
        if name in ("sqrt", "cbrt"):
            return self._plain_root(name)
        base: Node | None = None
        power: Node | None = None
        if name == "log" and self._base_without_sign():
            base = Number(Fraction(int(self.take().text)))
        for _ in range(2):
            if name == "log" and base is None and self.accept("_"):
                base = self._base_of_log()
            elif power is None and self.accept("^"):
                power = self.argument(whole_number=True)
        if power == _MINUS_ONE and name in INVERSES:
            name, power = INVERSES[name], None
        if name == "det":
            return self._determinant()
        if name in _OF_SEVERAL:
            call = Call(name, self._several())
        else:
            operand = self._operand(name)
            if name == "lg":
                name, base = "log", _TEN
            call = Call(name, (operand,) if base is None else (operand, base))
        return call if power is None else Power(call, power)

    def _base_without_sign(self) -> bool:
        """Whether `log2(x)` is written as programs do."""
        return self.peek().text in ("2", "10") and not self.peek().spaced and self.peek(1).text == "("

    def _base_of_log(self) -> Node:
        r"""The base of a logarithm. Of `\log_28` LaTeX takes the 2, but of `\log_10` nobody means the 1."""
        whole = self.peek().text in ("10", "12", "16") and self.peek(1).text != "("
        return self.script() if whole or self.peek().kind != "number" else self.argument()

    def _operand(self, name: str) -> Node:
        operand = self._function_operand()
        if name not in _TRIGONOMETRIC:
            return operand
        if isinstance(operand, Quantity) and operand.unit == DEGREE:
            return _radians(operand.value)
        if self._degree_mark():
            self._take_degree_mark()
            return _radians(operand)
        return operand

    def _function_operand(self) -> Node:
        r"""A group alone, or `2x` as in `\sin 2x`: factors up to the next sign or function."""
        if self.peek().text in ("(", "{", "["):
            return self.atom()
        factors = [self._postfix(self._signed_atom())]
        while self._starts_factor() and self.peek().kind != "function" and self.peek().text not in "([":
            if self.in_integral and self.peek().text[0] == "d":
                break
            factors.append(self._postfix(self.atom()))
        return factors[0] if len(factors) == 1 else Product(tuple(factors))

    def _determinant(self) -> Node:
        matrix = self.atom()
        if not isinstance(matrix, Matrix):
            raise Unparseable("a determinant of what is not a matrix")
        return determinant(matrix)

    def _several(self) -> tuple[Node, ...]:
        r"""The arguments of `\gcd(a, b)` or `\max\{a, b\}`."""
        arguments = self.atom()
        if not isinstance(arguments, Sequence) or not arguments.items or arguments.opening not in ("(", "{"):
            raise Unparseable("a function of several values needs them in brackets")
        return arguments.items

    def _root(self) -> Node:
        degree: Node | None = None
        if self.accept("["):
            degree = self.sum()
            self.expect("]")
        operand = self.argument()
        return Call("sqrt", (operand,)) if degree is None else Call("root", (operand, degree))

    def _plain_root(self, name: str) -> Node:
        """`sqrt2x` as people type it: of the next value alone."""
        operand = self.argument(whole_number=True)
        return Call("sqrt", (operand,)) if name == "sqrt" else Call("root", (operand, Number(Fraction(3))))

    # coefficients

    def _coefficient(self, letter: str) -> Node | None:
        """`C_n^k`, `A_n^k`, `C(n, k)` after their letter, taken; None if it is a variable after all."""
        if self.peek().text == "(":
            return self._coefficient_of_pair(letter)
        first = self.peek()
        below, after = self._script(self.position)
        above, _ = self._script(after)
        second = self.tokens[after] if after < len(self.tokens) else first
        if {first.text, second.text} != {"_", "^"} or second.kind != "sign":
            return None
        if first.text == "^":
            below, above = above, below
        if below.isdigit() and not (above.isdigit() and (int(above) <= int(below) or first.text == "^")):
            return None  # C_1^2 and C_1^n are powers of a constant
        self.take()
        upper = self.script()
        self.expect(second.text)
        lower = self.script()
        if first.text == "^":
            upper, lower = lower, upper
        if above.isdigit() and below.isdigit() and int(above) > int(below):
            upper, lower = lower, upper  # some write C^n_k
        return Call(_COEFFICIENTS[letter], (upper, lower))

    def _script(self, start: int) -> tuple[str, int]:
        """The text of the sub- or superscript whose sign is at `start`, and where the tokens go on."""
        position, open_braces, texts = start + 1, 0, []
        while position < len(self.tokens):
            text = self.tokens[position].text
            position += 1
            open_braces += (text == "{") - (text == "}")
            if text not in ("{", "}"):
                texts.append(text)
            if open_braces <= 0:
                break
        return "".join(texts), position

    def _coefficient_of_pair(self, letter: str) -> Node | None:
        if letter == "A" or not self._pair_follows():
            return None
        arguments = self.atom()
        if not isinstance(arguments, Sequence) or len(arguments.items) != 2:
            raise Unparseable("a coefficient needs two numbers in brackets")
        return Call(_COEFFICIENTS[letter], arguments.items)

    def _pair_follows(self) -> bool:
        """Whether `(a, b)` follows, two short formulas, as opposed to a factor in brackets."""
        depth, commas = 0, 0
        for ahead in range(_MAX_PAIR_TOKENS):
            token = self.peek(ahead)
            depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
            commas += depth == 1 and token.text == ","
            if not depth:
                return commas == 1 and token.text == ")"
        return False

    def _prescripted(self) -> Node:
        """`_nC_k` or `^nC_k`, from the first sign, after an empty group."""
        self.expect("_", "^")
        above = self.script()
        letter = self.take()
        if letter.text not in _COEFFICIENTS:
            raise Unparseable("a subscript without a letter")
        self.expect("_")
        return Call(_COEFFICIENTS[letter.text], (above, self.script()))

    def _binomial(self) -> Node:
        r"""`\binom{n}{k}`, and the multinomial `\binom{n}{a, b, c}`."""
        above = self.argument()
        if self.peek().text != "{":
            return Call("binomial", (above, self.argument()))
        below = self.atom()
        if isinstance(below, Sequence):
            return Call("multinomial", (above, *below.items))
        return Call("binomial", (above, below))

    # letters

    def _symbol(self, token: Token) -> Node:
        name = token.text
        following = self.peek().text
        if name in _COEFFICIENTS and following in ("_", "^", "("):
            coefficient = self._coefficient(name)
            if coefficient is not None:
                return coefficient
        if self.accept("_"):
            name = f"{name}_{self.take_braced_text()}"
        primes = ""
        while self.accept("'"):
            primes += "'"
        name += primes
        if self.peek().text == "(":
            applied = bool(primes) or name in _APPLIED
            if self.peek(1).kind == "number" and self.peek(2).text == ")" and (applied or self.peek(3).text == "="):
                value = self.peek(1).text
                self.position += 3
                return Symbol(f"{name}({value})")  # the name of a number: `P(3) = 7` is one's value
            if applied:
                arguments = self.atom()
                return Call(f"{name}()", arguments.items if isinstance(arguments, Sequence) else (arguments,))
        return Symbol(name)

    def _accented(self, accent: str) -> Node:
        r"""`\vec{a}`, `\overline{z}`, `\hat{i}`.

        An arrow over one letter is a matter of style, as is bold type. A bar over what is plainly a complex
        number is its conjugate. Any other accent makes another name.
        """
        start = self.mark()
        name = self.take_braced_text()
        if name in UNIT_VECTORS and accent in (r"\vec", r"\hat"):
            return Symbol(UNIT_VECTORS[name])
        if accent == r"\vec" and len(name) == 1:
            return Symbol(name)
        if accent == r"\overline" and not name.isdigit():
            self.return_to(start)
            try:
                operand = self.argument()
            except Unparseable:
                operand = Symbol(name)
            if operand in _COMPLEX_LETTERS or Constant("i") in walk(operand):
                return Call("conjugate", (operand,))
            self.return_to(start)  # reading it may have split its tokens
            self.take_braced_text()
        return Symbol(f"{accent}{{{name}}}")


def _radians(degrees: Node) -> Node:
    return Quotient(Product((degrees, Constant("pi"))), Number(Fraction(180)))
