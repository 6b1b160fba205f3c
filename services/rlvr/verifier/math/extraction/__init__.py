r"""What does a completion assert as its final answer?

Only what its reader sees after the reasoning counts (`visible`, `rlvr.verifier.text`), code blocks left out where they
are not the answer themselves. In order of authority:

1. marked: `\boxed{x}`, `\fbox{x}`, `<answer>x</answer>`, a last line `#### x`, "final answer is x" (`marked`,
   `stated`). All of them count, so that two marked answers can contradict each other.
2. stated: "the answer is x", "Answer: x", a line `A: x`, a heading "Answer" above x (`stated`). They count where
   nothing is marked, and after the last marked answer, which they then can contradict.
3. the last line, where it is nothing but a short answer or a plain sentence that ends in one value (`closing`).

What is denied, hedged or taken back asserts nothing (`doubt`). However it is written, a completion has one answer or
none: there is no form that gives a policy a second try. Time is linear in the text: single passes with bounded
look-ahead.
"""

from __future__ import annotations

from rlvr.verifier.math.extraction.assertion import EXPLICIT, Assertion, Extraction, Rule
from rlvr.verifier.math.extraction.extract import extract

__all__ = ["EXPLICIT", "Assertion", "Extraction", "Rule", "extract"]
