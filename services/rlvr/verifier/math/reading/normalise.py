"""Unicode to the ASCII and LaTeX that the tokens are written in."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = {"Cf", "Cc"}
"""Unicode categories that show nothing: zero-width, bidirectional overrides, controls."""

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda",
    "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_SIGNS = {
    "−": "-", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "﹣": "-", "×": r"\times ", "⋅": r"\cdot ",
    "·": r"\cdot ", "∙": r"\cdot ", "÷": "/", "∕": "/", "⁄": "/", "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ",
    "⩾": r"\ge ", "≈": r"\approx ", "±": r"\pm ", "∓": r"\mp ", "√": r"\sqrt ", "∞": r"\infty ", "∪": r"\cup ",
    "∈": r"\in ", "∅": r"\emptyset ", "°": r"^\circ ", "º": r"^\circ ", "′": "'", "ℝ": r"\mathbb{R}",
    "£": r"\pounds ", "€": r"\euro ", "∶": ":", "“": '"', "”": '"', "’": "'", "‘": "'",
}  # fmt: skip
_REPLACED = str.maketrans({**{letter: f"\\{name} " for letter, name in _GREEK.items()}, **_SIGNS})
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_SUPERSCRIPT_RUN = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_SUBSCRIPT_RUN = re.compile(f"[{''.join(_SUBSCRIPTS)}]+")
_VULGAR_FRACTION = re.compile("[¼½¾⅐-⅞]")


def normalise(text: str) -> str:
    """The text in compatibility form (NFKC) with its mathematical signs as ASCII or LaTeX, stripped.

    Superscripts and vulgar fractions are written out *before* NFKC, which would make x2 of x² and 11/2 of 1½.
    Letters of other alphabets stay what they are: a Cyrillic x is not an x.
    """
    if not text.isascii():
        text = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE or c in "\n\t")
        text = _SUPERSCRIPT_RUN.sub(lambda run: "^{" + "".join(map(_SUPERSCRIPTS.__getitem__, run[0])) + "}", text)
        text = _SUBSCRIPT_RUN.sub(lambda run: "_{" + "".join(map(_SUBSCRIPTS.__getitem__, run[0])) + "}", text)
        text = _VULGAR_FRACTION.sub(lambda sign: " " + unicodedata.normalize("NFKC", sign[0]), text)
        text = unicodedata.normalize("NFKC", text.translate(_REPLACED)).translate(_REPLACED)
    return text.strip()
