"""Which names in test code are its own, and which the program's."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable

from rlvr.verifier.code.runner import ENTRY

_BUILTINS = frozenset(dir(builtins))


def parse(code: str) -> ast.Module:
    """Syntax tree of test code.

    Raises:
        ValueError: it is not Python.
    """
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as failure:
        where = f" in line {failure.lineno}" if isinstance(failure, SyntaxError) else ""
        raise ValueError(f"is not Python{where}: {getattr(failure, 'msg', type(failure).__name__)}") from None


def bound(tree: ast.AST) -> Counter[str]:
    """Names that the code binds anywhere, in whatever scope, and how often."""
    names: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names[node.id] += 1
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[node.name] += 1
        elif isinstance(node, ast.arg):
            names[node.arg] += 1
        elif isinstance(node, ast.alias):
            names[(node.asname or node.name).partition(".")[0]] += 1
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names[node.name] += 1
    return names


def loaded(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that code reads."""
    walked = (node for tree in nodes for node in ast.walk(tree))
    return {node.id for node in walked if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def program_names(tree: ast.AST, entry_point: str | None) -> set[str]:
    """Names that the code reads and does not bind and that Python does not know: the program has to define them.

    A name that Python knows is the program's only if it is the entry point.
    """
    entry = (entry_point or "").partition(".")[0]
    return {name for name in loaded([tree]) - bound(tree).keys() if name == entry or name not in _BUILTINS}


class _EntryCalls(ast.NodeTransformer):
    def __init__(self, entry_point: str) -> None:
        self._owner, _, self._method = entry_point.partition(".")

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        match node.value:
            case ast.Call(ast.Name(self._owner), [], []) if node.attr == self._method:
                return ast.copy_location(ast.Name(ENTRY, ast.Load()), node)
        return self.generic_visit(node)


def with_entry_named(tree: ast.Module, entry_point: str | None) -> ast.Module:
    """The same code with `Class().method` as one name, where that is the entry point."""
    if entry_point and "." in entry_point:
        tree = ast.fix_missing_locations(_EntryCalls(entry_point).visit(tree))
    return tree
