"""The house rules that no other test would notice breaking: imports, global state, mirrors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"kindling", "kind_tf", "kind_torch", "convert"}
FRAMEWORKS = {"tensorflow", "tf_slim", "torch"}
# Who may import whom, anywhere in a file.
MAY_IMPORT = {
    "kindling": {"kindling"},
    "convert": {"convert", "kindling"},
    "kind_tf": {"kind_tf", "kindling", "tensorflow", "tf_slim"},
    "kind_torch": {"kind_torch", "kindling", "torch"},
}
# The doors that join the rest, by imports inside functions: the command line, each framework's load(), and the state of
# a training in PyTorch, which is kept under slim names.
DOORS = (
    "kindling/commands",
    "kind_tf/__init__.py",
    "kind_torch/__init__.py",
    "kind_torch/train.py",
    "convert/__main__.py",
)
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def names(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=names)
def test_imports_flow_one_way(path):
    roots = set()
    at_the_top = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names_here = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names_here = {node.module.split(".")[0]}
        else:
            continue
        roots |= names_here
        if node in tree.body:
            at_the_top |= names_here
    allowed = MAY_IMPORT[path.relative_to(ROOT).parts[0]]
    assert at_the_top & (PACKAGES | FRAMEWORKS) <= allowed
    if not any(path.is_relative_to(ROOT / door) for door in DOORS):
        assert roots & (PACKAGES | FRAMEWORKS) <= allowed


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_file_says_what_it_holds(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_mirror_has_the_same_files():
    tf, torch = (
        {p.relative_to(ROOT / side) for p in (ROOT / side).rglob("*.py")} for side in ("kind_tf", "kind_torch")
    )
    assert tf == torch


@pytest.mark.parametrize("path", sorted((ROOT / "kind_tf").rglob("*.py")), ids=names)
def test_the_mirror_has_the_same_public_names(path):
    ours, theirs = (
        _public(side / path.relative_to(ROOT / "kind_tf")) for side in (ROOT / "kind_tf", ROOT / "kind_torch")
    )
    assert ours == theirs


def _public(path):
    """Public functions and classes in order, and the public methods of classes."""
    found = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found.append(node.name)
            if isinstance(node, ast.ClassDef) and node.name == "KinD":
                found += [f"KinD.{m.name}" for m in node.body if isinstance(m, ast.FunctionDef) and m.name[0] != "_"]
    return found


QUIET = {
    "import kindling, convert": set(),
    "import kindling.cli": set(),
    "import convert; convert.read(sys.argv[1]); convert.write(sys.argv[2] + '/nets', convert.read(sys.argv[1]))": set(),
    "import kind_torch": {"torch"},
    "import kind_tf": {"tensorflow", "tf_slim"},
}


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize(("statement", "frameworks"), QUIET.items(), ids=QUIET)
def test_no_framework_is_imported_that_is_not_needed(statement, frameworks, seeded_npz, tmp_path):
    program = f"import sys; {statement}; print(*({FRAMEWORKS!r} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", program, seeded_npz, tmp_path], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr
    assert set(run.stdout.split()) == frameworks


@pytest.mark.tf
@pytest.mark.torch
def test_importing_and_loading_change_no_global_state(seeded_npz):
    program = """if True:
        import sys, random, numpy as np, tensorflow as tf, torch
        def state():
            return (tf.executing_eagerly(), tf.compat.v1.control_flow_v2_enabled(), tf.config.optimizer.get_jit(),
                    tf.keras.backend.floatx(), torch.get_default_dtype(), torch.is_grad_enabled(),
                    torch.get_num_threads(), torch.backends.cudnn.benchmark, torch.get_rng_state().tolist(),
                    random.getstate(), str(np.random.get_state()))
        before = state()
        import kindling, convert, kind_tf, kind_torch
        kind_tf.load(sys.argv[1]).enhance(np.zeros((1, 4, 4, 3), np.float32))
        kind_torch.load(sys.argv[1]).enhance(torch.zeros(1, 3, 4, 4))
        assert state() == before
    """
    run = subprocess.run([sys.executable, "-c", program, seeded_npz], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
