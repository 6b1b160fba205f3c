"""Words that take the assertion out of a statement: denial, hedging, retraction.

A lack of confidence gives a policy no second try, but it is no statement either: unmarked, `the answer is probably
42` and `the answer is 42, but I'm not sure` assert nothing. `I think` and `I believe` are how models speak; they
assert. What is marked (a box, a tag) stands whatever confidence is put around it, unless it is denied or taken back.

All patterns are for lower-cased text, and bounded.
"""

from __future__ import annotations

import re

_NOT = r"(?:\b(?:not|never|cannot)\b|n['’]t\b)"

_DENIES = re.compile(
    r"(?:\b(?:not|never|cannot|neither|nor|no|doubt|unlikely|wrong|incorrect|false|whether|rule[sd]? out|suppose|assume"
    r"|assuming|supposing|pretend|imagine|maybe|perhaps|possibly|probably|presumably|likely|might|could|may|guess"
    r"|nicht|kein|pas|jamais|nunca)\b|n['’]t\b|不是|并非|不认为|不可能|不一定|不确定|没有|也许|可能|或许|如果|假设)"
    r"(?:(?!\b(?:so|thus|hence|therefore|then|but)\b)[^,.;:!?\n，。；：！？]){0,120}\Z"
    r"|\b(?:if|when)\s{1,2}(?:the|my|our|your|this|its)\s{1,2}(?:\w{1,12}\s{1,2})?\Z"
    r"|\b(?:possible|potential|candidate|tentative|previous|earlier|initial|sample|example)\s{1,2}\Z"
)
_UNSURE = (
    r"(?:\bnot|n['’]t)\s(?:\w{1,12}\s)?(?:sure|certain|confident)\b|n['’]t know\b|\b(?:unsure|uncertain|no idea)\b"
)
_UNSURE_BEFORE = re.compile(_UNSURE)
_HEDGED = re.compile(_UNSURE + r"|\b(?:i guess|guessing|maybe|perhaps|possibly|probably|presumably)\b|[?？]|吗")
_DENIES_BOX = re.compile(
    _NOT + r"(?:\s{1,2}(?!but\b|so\b|thus\b|hence\b|then\b)(?:be|is|equals?|to|the|a|an|it|that|case|think|believe|say"
    r"|right|correct|final|answer|possibly|certainly|definitely|actually|really|simply|just"
    r"|[a-z]{1,12}(?=[ \t$\\(*:]*\Z)))"
    r"{0,7}[ \t$\\(\[:*]{0,8}\Z"
    r"|\b(?:rules?|ruled|ruling) out [ \t$\\(\[:*]{0,8}\Z"
)
_BOX_DENIED = re.compile(
    r"(?:[\s$*.)\]]|\\[\])]){0,4}[?？]"
    r"|(?:[\s$*.\])]|\\[\])]){0,6}\s(?:(?:is|was|would be|seems|looks)\s(?:\w{1,12}\s)?(?:wrong|incorrect|false"
    r"|impossible)\b"
    r"|(?:is|was|can|could|would|does)(?:\s?not|n['’]t)\s(?:be\s)?(?:the|right|correct|my|our|a valid|possible)\b"
    r"|(?:cannot|can['’]t) be (?:the|right|correct|true)\b)"
)
_EXAMPLE = re.compile(
    r"(?:\be\.\s?g\.|\bfor (?:example|instance)|\bsuch as|\bof the form|\bin the form(?:at)?|\blike(?: this| so)?"
    r"|\bas in|\bexample)[\s:,(`\"'“$]{0,6}\Z"
)
_TAKEN_BACK = re.compile(
    r"\b(?:scratch|strike) that\b"
    r"|\b(?:disregard|ignore) (?:that|this|it|the above|my (?:previous|earlier|last|first)|what i)\b"
    r"|\bi (?:have |had )?made (?:a|an) (?:\w{1,12} )?(?:mistake|error)\b"
    r"|\bi (?:take (?:that|it) back|retract)\b"
    r"|(?:^|[.!?\n]\s{0,3})(?:(?:no|wait|oops|hmm+|actually|sorry|hold on)[,.!…\s]{1,4}){0,3}(?:that|this|it)"
    r"(?:['’]s| is| was| cannot be| can['’]t be) (?:\w{1,12} )?(?:wrong|incorrect|not right|not correct|a mistake)\b"
)
_TAKEN_BACK_HINTS = (
    "scratch",
    "strike",
    "disregard",
    "ignore",
    "mistake",
    "error",
    "retract",
    "back",
    "wrong",
    "correct",
    "not right",
)
_SECOND_THOUGHT = re.compile(
    r"\b(?:wait|hmm+|oops|on second thought|correction|hold on|let me (?:re-?|double[- ]?)(?:check|calculate|compute|"
    r"consider|examine|do)|actually)\b"
)
_CLOSING_DOUBT = re.compile(
    r"\b(?:not|never|no|cannot|neither|nor|none|doubt|unlikely|wrong|incorrect|false|whether|if|unless|maybe|perhaps"
    r"|possibl[ey]|probably|presumably|might|may|could|can|guess|assum(?:e|ing)|suppos(?:e|ing)|either|between|or|unsure|uncertain"
    r"|rule[sd]? out|instead|except|otherwise|but|although|seems?|appears?|likely|candidates?|options?|example|e\.g"
    r"|least|most|more than|less than|say|claims?|question|asks?|suggests?|would)\b|n['’]t\b|\?"
)


# A search for a word is many times faster than one for a pattern, and most texts hold none of these.
_PLAIN_LEADS = frozenset({"", "the ", "so the ", "final ", "the final ", "**", "thus, the ", "therefore, the "})
_DENIAL_HINTS = ("not", "n't", "n’t", "never", "out")
_EXAMPLE_HINTS = ("e.", "example", "instance", "such as", "form", "like", "as in")


def denied_before(sentence: str) -> bool:
    """Whether what a sentence says before its announcement denies it, or makes it a supposition or a guess."""
    if sentence in _PLAIN_LEADS:
        return False
    return _DENIES.search(sentence) is not None or _UNSURE_BEFORE.search(sentence) is not None


def hedged(sentence: str) -> bool:
    """Whether the announced answer is hedged or asked."""
    return _HEDGED.search(sentence) is not None


def box_denied(before: str, after: str) -> bool:
    r"""Whether the words around a box deny it or ask for it: `not \boxed{42}`, `\boxed{42} is wrong`, `\boxed{42}?`."""
    if any(hint in before for hint in _DENIAL_HINTS) and _DENIES_BOX.search(before):
        return True
    return _BOX_DENIED.match(after) is not None


def only_an_example(before: str) -> bool:
    """Whether what follows is a sample of the form that is asked for."""
    return any(hint in before for hint in _EXAMPLE_HINTS) and _EXAMPLE.search(before) is not None


def last_retraction(lower: str, start: int) -> int:
    """Where everything said before is taken back for the last time, from `start` on; -1 if it never is."""
    if not any(hint in lower for hint in _TAKEN_BACK_HINTS):
        return -1
    return max((match.end() for match in _TAKEN_BACK.finditer(lower, start)), default=-1)


def last_second_thought(lower: str, start: int, end: int) -> int:
    """Where the writer turns to think again for the last time between `start` and `end`; -1 if they never do."""
    return max((match.end() for match in _SECOND_THOUGHT.finditer(lower, start, end)), default=-1)


def casts_doubt(sentence: str) -> bool:
    """Whether an unmarked closing sentence has any word that could make it something else than a plain statement."""
    return _CLOSING_DOUBT.search(sentence) is not None
