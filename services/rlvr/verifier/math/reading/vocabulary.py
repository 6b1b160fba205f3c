"""The names and signs of mathematics that tokens are made of, each with the one spelling that the parser sees."""

from __future__ import annotations

ALIASES = {
    r"\cdot": "*", r"\times": "*", r"\ast": "*", r"\bullet": "*", r"\div": "/", "÷": "/", "**": "^",
    r"\le": "<=", r"\leq": "<=", r"\leqslant": "<=", r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=",
    r"\lt": "<", r"\gt": ">", r"\{": r"\{", r"\}": r"\}", r"\lbrace": r"\{", r"\rbrace": r"\}", r"\%": "%",
    r"\lvert": "|", r"\rvert": "|", r"\vert": "|", r"\mid": "|", r"\colon": ":", r"\lbrack": "[",
    r"\Vert": r"\|", r"\lVert": r"\|", r"\rVert": r"\|", r"\equiv": "=",
    r"\rbrack": "]", r"\cupdot": r"\cup", r"\bigcup": r"\cup", r"\varnothing": r"\emptyset", r"\arc": "",
    r"\mod": r"\pmod", r"\dots": r"\dots", r"\ldots": r"\dots", r"\cdots": r"\dots", r"\dotsc": r"\dots",
    r"\dotsb": r"\dots", r"\dotsm": r"\dots", r"\rightarrow": r"\to", r"\longrightarrow": r"\to", r"\ne": "!=",
    r"\neq": "!=", r"\lor": "or", r"\vee": "or", r"\land": "and", r"\wedge": "and", "!=": "!=",
    r"\smallsetminus": r"\setminus", r"\backslash": r"\setminus",
    r"\widehat": r"\hat", r"\widetilde": r"\tilde", r"\bar": r"\overline",
    r"\overrightarrow": r"\vec", r"\lnot": r"\neg",
}  # fmt: skip

_SIZES_AND_SPACES = r"""
    \left \right \middle \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \biggl \biggr \Biggl \Biggr \bigm \displaystyle
    \textstyle \scriptstyle \quad \qquad \limits \nolimits \boxed \fbox \, \; \: \! \( \) \[ \] \thinspace \hfill
    \angle \triangle
"""
DROPPED = frozenset(_SIZES_AND_SPACES.split())

FUNCTIONS = {
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "tg": "tan", "ctg": "cot",
    "cosec": "csc", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctg": "atan", "arccot": "acot",
    "arcctg": "acot", "arcsec": "asec", "arccsc": "acsc", "asin": "asin", "acos": "acos", "atan": "atan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "coth": "coth", "sech": "sech", "csch": "csch",
    "arsinh": "asinh", "arcosh": "acosh", "artanh": "atanh", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh",
    "ln": "ln", "log": "log", "lg": "lg", "exp": "exp", "cis": "cis", "sqrt": "sqrt", "cbrt": "cbrt", "abs": "abs",
    "floor": "floor", "ceil": "ceil", "sgn": "sgn", "sign": "sgn", "gcd": "gcd", "lcm": "lcm", "arg": "arg",
    "Re": "re", "Im": "im", "det": "det", "conj": "conjugate",
}  # fmt: skip
COMMAND_FUNCTIONS = {**FUNCTIONS, "max": "max", "min": "min"}
"""As words max and min are functions only before a bracket: `5 min` is a time."""
INVERSES = {
    "sin": "asin", "cos": "acos", "tan": "atan", "cot": "acot", "sec": "asec", "csc": "acsc",
    "sinh": "asinh", "cosh": "acosh", "tanh": "atanh",
}  # fmt: skip

CONSTANTS = {"pi": "pi", "e": "e", "i": "i", "infinity": "infinity", "infty": "infinity", "inf": "infinity"}
CONSTANTS |= {"oo": "infinity", "imath": "i"}

_GREEK_NAMES = """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau
    upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell Upsilon varrho jmath
"""
GREEK = frozenset(_GREEK_NAMES.split())

FRACTIONS = frozenset({r"\frac", r"\dfrac", r"\tfrac", r"\cfrac", r"\sfrac", r"\nicefrac"})
BINOMIALS = frozenset({r"\binom", r"\dbinom", r"\tbinom"})
ACCENTS = frozenset({r"\vec", r"\hat", r"\overline", r"\tilde", r"\dot", r"\ddot"})
OPERATORS = frozenset({r"\sum", r"\prod", r"\int", r"\lim"})
UNIT_VECTORS = {"i": r"\vec{i}", "imath": r"\vec{i}", "j": r"\vec{j}", "jmath": r"\vec{j}", "k": r"\vec{k}"}
r"""The one name of \hat{i}, \vec{i} and \mathbf{i}."""
PAIRED = {r"\lfloor": (r"\rfloor", "floor"), r"\lceil": (r"\rceil", "ceil")}
_OTHER_COMMANDS = r"""
    \text \textbf \textit \textrm \mbox \mathrm \mathbf \operatorname \begin \end \circ \pm \mp \in \cup \cap \infty
    \emptyset \to \neq \pi \forall \exists \Rightarrow \setminus \langle \rangle \prime \choose \over \mathbb \mathcal
    \approx \subset \subseteq \rfloor \rceil \bmod \pmod \angle \triangle \partial \nabla \notin \not
"""
COMMANDS = (
    frozenset(_OTHER_COMMANDS.split()) | ALIASES.keys() | DROPPED | FRACTIONS | BINOMIALS | ACCENTS | OPERATORS
    | PAIRED.keys() | {f"\\{name}" for names in (COMMAND_FUNCTIONS, CONSTANTS, GREEK) for name in names}
)  # fmt: skip
"""Every command that some part of the reader knows."""
