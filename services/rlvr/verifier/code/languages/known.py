"""All languages, by name."""

from __future__ import annotations

from typing import Literal

from rlvr.verifier.code.languages.bash import BASH
from rlvr.verifier.code.languages.c import C
from rlvr.verifier.code.languages.cpp import CPP
from rlvr.verifier.code.languages.go import GO
from rlvr.verifier.code.languages.java import JAVA
from rlvr.verifier.code.languages.javascript import JAVASCRIPT
from rlvr.verifier.code.languages.language import Language
from rlvr.verifier.code.languages.python import PYTHON
from rlvr.verifier.code.languages.rust import RUST

Name = Literal["python", "c", "cpp", "javascript", "java", "go", "rust", "bash"]
"""What specs and settings may name; the same as in `LANGUAGES`."""

LANGUAGES: dict[str, Language] = {
    language.name: language for language in (PYTHON, C, CPP, JAVASCRIPT, JAVA, GO, RUST, BASH)
}
