"""Answer text to the ASCII and LaTeX that tokens are written in: damage repaired, Unicode and numerals rewritten."""

from __future__ import annotations

import re
import unicodedata

from rlvr.verifier.math.reading.markup import DAMAGED, repaired
from rlvr.verifier.math.reading.numerals import SPANNING, rewrite_numerals

_INVISIBLE = {"Cf", "Cc"}
"""Unicode categories that show nothing: zero-width, bidirectional overrides, controls."""

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "ℓ": "ell", "∆": "Delta",
}  # fmt: skip
_COMMANDS = {
    "×": "times", "⋅": "cdot", "·": "cdot", "∙": "cdot", "•": "cdot", "≤": "le", "⩽": "le", "≦": "le", "≥": "ge",
    "⩾": "ge", "≧": "ge", "≠": "neq", "≈": "approx", "≡": "equiv", "±": "pm", "∓": "mp", "∞": "infty",
    "∪": "cup", "∩": "cap", "∈": "in", "∉": "notin", "∅": "emptyset", "⌀": "emptyset", "⊂": "subset",
    "⊆": "subseteq", "∖": "setminus", "∀": "forall", "∃": "exists", "→": "to", "⟶": "to", "⇒": "Rightarrow",
    "⟹": "Rightarrow", "⇔": "Leftrightarrow", "∧": "wedge", "∨": "vee", "¬": "neg", "⟨": "langle", "〈": "langle",
    "⟩": "rangle", "〉": "rangle", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil", "⋯": "cdots",
    "∑": "sum", "∏": "prod", "∫": "int", "∂": "partial", "∇": "nabla", "∘": "circ", "⊥": "perp", "∥": "parallel",
    "∠": "angle", "△": "triangle", "∼": "sim", "≅": "cong", "∝": "propto", "‖": "|", "£": "pounds", "€": "euro",
    "¥": "yen", "₹": "rupee", "¢": "cent", "ℏ": "hbar",
}  # fmt: skip
_SIGNS = {
    "−": "-", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "﹣": "-", "÷": "/", "∕": "/", "⁄": "/",
    "°": r"^\circ ", "º": r"^\circ ", "˚": r"^\circ ", "′": "'", "″": "''", "∶": ":", "∣": "|", "“": '"', "”": '"',
    "’": "'", "‘": "'", "ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "ℚ": r"\mathbb{Q}",
    "ℂ": r"\mathbb{C}", "ⅇ": "e", "ⅈ": "i", "√": r"\sqrt ", "∛": r"\sqrt[3] ", "∜": r"\sqrt[4] ",
}  # fmt: skip
_REPLACED = str.maketrans(
    {**{sign: f"\\{name} " for names in (_GREEK, _COMMANDS) for sign, name in names.items()}, **_SIGNS}
)

_SCRIPT_BLOCKS = ((0xAA, 0xBA), (0x2B0, 0x2FF), (0x1D2C, 0x1DBF), (0x2070, 0x209C), (0x2C7C, 0x2C7D))


def _scripts(kind: str) -> dict[str, str]:
    """Raised or lowered characters -> what they are on the line."""
    characters = (chr(code) for first, last in _SCRIPT_BLOCKS for code in range(first, last + 1))
    decomposed = ((c, unicodedata.decomposition(c).split()) for c in characters if c not in _SIGNS)
    return {c: chr(int(parts[1], 16)).replace("−", "-") for c, parts in decomposed if parts[:1] == [kind]}


_SUPERSCRIPTS, _SUBSCRIPTS = _scripts("<super>"), _scripts("<sub>")
_SUPERSCRIPT_RUN = re.compile(f"[{''.join(map(re.escape, _SUPERSCRIPTS))}]+")
_SUBSCRIPT_RUN = re.compile(f"[{''.join(map(re.escape, _SUBSCRIPTS))}]+")
_CIRCLED_RUN = re.compile("[①-⑳]{2,20}")
"""The numbers of several statements: 1, 3, 4 and not 134."""
_VULGAR_FRACTION = re.compile("[¼½¾⅐-⅞↉]")
_RADICAL = re.compile(r"([√∛∜])\s?([0-9]+(?:\.[0-9]+)?)")
"""The radical sign reaches over a whole number, where \\sqrt takes one digit."""
_BARRED_DIGITS = re.compile("((?:[0-9]\u0305)+)")
_DEGREE = re.compile("(?<=[0-9])∘")
_PRIME = re.compile(r"\^\s?(?:\{\s?((?:\\prime\s?){1,3})\}|(\\prime(?![A-Za-z])))")

_SYSTEM = re.compile(
    r"\\left\s?\\\{\s?\\begin\{array\}\s?(?:\{[lcr| ]{1,12}\})?(.{1,900}?)\\end\{array\}\s?\\right\s?\.", re.DOTALL
)
r"""A system of equations set as an array behind one brace."""


def normalise(text: str) -> str:
    """The text in compatibility form (NFKC) with its mathematical signs as ASCII or LaTeX, stripped.

    Superscripts and vulgar fractions are written out *before* NFKC, which would make x2 of x² and 11/2 of 1½.
    Letters of other alphabets stay what they are: a Cyrillic x is not an x.
    """
    if DAMAGED.search(text):
        text = repaired(text)
    if not text.isascii():
        text = _without_unicode(text)
    if "prime" in text:
        text = _PRIME.sub(lambda match: "'" * (match[1] or match[2]).count("prime"), text)
    if r"\begin{array}" in text:
        text = _SYSTEM.sub(r"\\begin{cases}\1\\end{cases}", text)
    if SPANNING.search(text):
        text = rewrite_numerals(text)
    return text.strip()


def _without_unicode(text: str) -> str:
    text = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE or c in "\n\t")
    text = _CIRCLED_RUN.sub(lambda run: ",".join(unicodedata.normalize("NFKC", sign) for sign in run[0]), text)
    text = _SUPERSCRIPT_RUN.sub(lambda run: "^{" + "".join(map(_SUPERSCRIPTS.__getitem__, run[0])) + "}", text)
    text = _SUBSCRIPT_RUN.sub(lambda run: "_{" + "".join(map(_SUBSCRIPTS.__getitem__, run[0])) + "}", text)
    text = _VULGAR_FRACTION.sub(lambda sign: " " + unicodedata.normalize("NFKC", sign[0]), text)
    text = _RADICAL.sub(r"\1{\2}", text)
    text = _BARRED_DIGITS.sub(lambda run: rf"\overline{{{run[1].replace(chr(0x305), '')}}}", text)
    text = _DEGREE.sub("°", text)
    return unicodedata.normalize("NFKC", text.translate(_REPLACED)).translate(_REPLACED)
