"""The house rules that no other test would notice breaking: imports, floors, global state, mirrors.

python -m tests.test_house        prints the floors, every arrow that runs up, and every circle of files (none, none)
"""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"kindling", "kind_tf", "kind_torch", "convert"}
FRAMEWORKS = {"tensorflow", "tf_slim", "torch"}
# Rooms, low to high. A file may import its own room and lower floors, inside functions too.
FLOORS = (
    ("kindling.core", "kindling.version"),
    ("kindling.families", "kindling.photos"),
    ("kindling.losses", "kindling.images"),
    ("convert", "kindling.enhancing", "kindling.training", "kindling.parity"),
    ("kindling.evaluating",),
    ("kind_tf", "kind_torch"),
    ("kindling.exported",),
    ("kindling.runtimes",),
    ("kindling.api",),
    ("kindling.ui", "kindling.ray"),
    ("kindling.commands",),
    ("kindling.cli",),
    ("kindling", "kindling.__main__", "convert.__main__"),  # what is typed: `import kindling`, `python -m ...`
)
# The frameworks that a package may import, at the top of a file or inside a function.
OWN_FRAMEWORKS = {"kind_tf": {"tensorflow", "tf_slim"}, "kind_torch": {"torch"}}
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def room_of(module):
    """(floor, room) of a module: the longest room that it is or lies in."""
    rooms = {room: floor for floor, names in enumerate(FLOORS) for room in names}
    if module == "kindling":
        return rooms["kindling"], "kindling"
    inside = [room for room in rooms if room != "kindling" and (module == room or module.startswith(f"{room}."))]
    assert inside, f"{module} lies in no room; give it one in FLOORS"
    room = max(inside, key=len)
    return rooms[room], room


def imports_of(path):
    """Every module of ours, or framework, that a file names: imports anywhere in it, and strings such as
    "kind_torch.runtime:open" or "convert.forms.registry", so that no import is hidden.
    """
    tree = ast.parse(path.read_text())
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(path, node)
            found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            name = node.value.partition(":")[0]
            if name in MODULES and ("." in name or _is_argument_of_own(tree, node)):
                found.add(name)
    return {name for name in found if name.split(".")[0] in PACKAGES | FRAMEWORKS} - {module_of(path)}


def _absolute(path, node):
    """The module that `from ..x import y` means."""
    if not node.level:
        return node.module
    package = module_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, node.module] if node.module else package)


def _is_argument_of_own(tree, constant):
    """ "convert" is a word too; as what `own` is asked for it is the package."""
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("own", "find"))
    return any(constant in call.args for call in calls)


def upward(path):
    """The arrows from a file to a room on its own floor or above it."""
    floor, room = room_of(module_of(path))
    ours = [name for name in imports_of(path) if name.split(".")[0] in PACKAGES]
    return sorted(name for name in ours if room_of(name)[1] != room and room_of(name)[0] >= floor)


def circles():
    """Sets of files that import each other around, at the top or inside functions."""
    reached = {name: set(imports_of(path)) & set(MODULES) for name, path in MODULES.items()}
    # A package's own file is not an arrow of those who import a module inside it.
    for _ in MODULES:
        reached = {name: to | {far for near in to for far in reached[near]} for name, to in reached.items()}
    around = {name: frozenset(m for m in to if name in reached[m]) for name, to in reached.items() if name in to}
    return set(around.values())


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_down(path):
    assert not upward(path)
    package = path.relative_to(ROOT).parts[0]
    frameworks = {name.split(".")[0] for name in imports_of(path)} & FRAMEWORKS
    assert frameworks <= OWN_FRAMEWORKS.get(package, set())


def test_no_files_import_each_other_in_a_circle():
    assert circles() == set()


def test_no_file_inside_depends_on_who_wins_the_name_convert():
    """Only `own("convert...")` and relative imports within it."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            assert not any(name.split(".")[0] == "convert" for name in names), path


def test_tests_share_from_support_only():
    """No test imports another test, and benchmarks import no test: what they share lies in tests/support."""
    for path in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tests":
                shared = node.module.startswith("tests.support") or {a.name for a in node.names} <= {"support"}
                assert shared or "attacks" in path.parts, f"{path.relative_to(ROOT)} imports {node.module}"
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name.split(".")[0] == "tests"]
                assert all(name.startswith("tests.support") for name in names), f"{path.relative_to(ROOT)}: {names}"


def test_the_docs_tell_the_floors():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (-?\d+) \| (.*?) \|", text, re.MULTILINE)
    told = [{_room(name) for name in re.findall(r"`(.*?)`", rooms)} for _, rooms in table]
    known = [{room for room in rooms if room in MODULES} for rooms in FLOORS]
    assert told[::-1] == known
    assert [int(number) for number, _ in table][::-1] == list(range(-1, len(FLOORS) - 1))


def _room(name):
    """`python -m kindling` is the file kindling/__main__.py."""
    return f"{name.removeprefix('python -m ')}.__main__" if name.startswith("python -m ") else name


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_every_file_says_what_it_holds(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_mirror_has_the_same_files():
    tf, torch = (
        {p.relative_to(ROOT / side) for p in (ROOT / side).rglob("*.py")} for side in ("kind_tf", "kind_torch")
    )
    assert tf == torch


@pytest.mark.parametrize("path", sorted((ROOT / "kind_tf").rglob("*.py")), ids=module_of)
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
            if isinstance(node, ast.ClassDef) and node.name in ("KinD", "Model"):
                methods = (m.name for m in node.body if isinstance(m, ast.FunctionDef))
                found += [f"{node.name}.{name}" for name in methods if name[0] != "_"]
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


@pytest.mark.slow
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


if __name__ == "__main__":
    for floor, rooms in reversed(list(enumerate(FLOORS))):
        print(floor, ", ".join(room for room in rooms if room in MODULES or importlib.util.find_spec(room)))
    arrows = [(module_of(path), name) for path in FILES for name in upward(path)]
    print(f"{len(arrows)} arrows run up", *(f"{a} -> {b}" for a, b in arrows), sep="\n  ")
    print(f"{len(circles())} circles", *map(sorted, circles()), sep="\n  ")
