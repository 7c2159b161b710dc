"""Every public function and method says what it takes and gives."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["kindling", "kind_tf", "kind_torch", "convert"]
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def untyped(path):
    """Public functions, and the public methods and __init__ of public classes, with an argument or result untold."""
    tree = ast.parse(path.read_text())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    functions += [node for owner in classes for node in owner.body if isinstance(node, ast.FunctionDef)]
    public = [f for f in functions if not f.name.startswith("_") or f.name in ("__init__", "__call__")]
    return [f"{path.name}:{f.lineno} {f.name}" for f in public if not _is_typed(f)]


def _is_typed(function):
    spec = function.args
    arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, (spec.vararg, spec.kwarg))]
    told = all(a.annotation for a in arguments if a.arg not in ("self", "cls"))
    return told and (function.returns is not None or function.name == "__init__")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_are_typed(path):
    assert untyped(path) == []


def test_an_untyped_one_would_be_found(tmp_path):
    (tmp_path / "x.py").write_text("def f(a: int, *b) -> int: ...\ndef g(a): ...\nclass A:\n    def h(self): ...\n")
    assert untyped(tmp_path / "x.py") == ["x.py:1 f", "x.py:2 g", "x.py:4 h"]


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_are_told_that_there_are_types(package):
    assert (ROOT / package / "py.typed").exists()
