"""Python: run by the zygote's own interpreter, compiled when it is run."""

from rlvr.verifier.code.languages.language import Language

PYTHON = Language(name="python", tags=frozenset({"python", "py", "python3"}))
