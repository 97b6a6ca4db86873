"""The arrows between the wings run one way: each imports only what its table row allows, read from the source."""

import ast
import functools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# From the lowest wing to the highest: a wing may import those named, and what stands at the top of l2l_tf/.
ALLOWED = {
    "problems": set(),
    "networks": {"problems"},
    "unrolling": {"networks", "problems"},
    "fast": {"unrolling", "networks", "problems"},
    "estimators": {"fast", "unrolling", "networks", "problems"},
    "saving": {"unrolling", "networks"},
    "pretrained": {"saving", "unrolling", "networks"},
    "evaluation": {"pretrained", "saving", "fast", "unrolling", "networks", "problems"},
    "training": {"evaluation", "estimators", "pretrained", "saving", "fast", "unrolling", "networks", "problems"},
    "deployment": {"pretrained", "saving", "fast", "unrolling", "networks"},
    "commands": {
        *("deployment", "training", "evaluation", "estimators", "pretrained"),
        *("saving", "fast", "unrolling", "networks", "problems"),
    },
}
# Beside the package's face, at most six files: what everything shares, which imports no wing, ...
SHARED = {"allocator", "presets", "version"}
# ... and modules that are run by a name at the top, python -m l2l_tf.NAME, and only call a command.
DOORS = {"report"}


def folder_of(wing: str) -> pathlib.Path:
    return ROOT / wing if wing == "problems" else ROOT / "l2l_tf" / wing


@functools.cache
def imports(path: pathlib.Path, packages: tuple[str, ...] = ("l2l_tf", "problems")) -> frozenset[str]:
    """The modules of these packages that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively, line {node.lineno}."
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name for name in found if name.split(".")[0] in packages)


def wing_of(module: str) -> str:
    """The wing that a module is of, or the name of a shared file."""
    parts = module.split(".")
    return "problems" if parts[0] == "problems" else parts[1] if len(parts) > 1 else "the package's face"


@pytest.mark.parametrize("wing", ALLOWED)
def test_a_wing_imports_only_what_is_below_it(wing):
    below = ALLOWED[wing] | {wing} | (set() if wing == "problems" else SHARED)
    wrong = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in folder_of(wing).rglob("*.py")
        for module in imports(path)
        if wing_of(module) not in below
    }
    assert not wrong, f"{wing} may import {sorted(below)}."


def test_the_table_itself_has_no_circle():
    seen: set[str] = set()
    while len(seen) < len(ALLOWED):
        free = {wing for wing, below in ALLOWED.items() if wing not in seen and below <= seen}
        assert free, f"These import each other: {sorted(set(ALLOWED) - seen)}."
        seen |= free


def test_every_folder_is_a_wing_of_the_table():
    folders = {path.parent.relative_to(ROOT / "l2l_tf").parts[0] for path in (ROOT / "l2l_tf").glob("*/*.py")}
    assert folders | {"problems"} == set(ALLOWED)


def test_the_top_holds_only_what_everything_shares():
    files = {path.stem for path in (ROOT / "l2l_tf").glob("*.py")} - {"__init__"}
    assert files == SHARED | DOORS
    assert len(files) <= 6
    for name in DOORS:
        assert {wing_of(module) for module in imports(ROOT / "l2l_tf" / f"{name}.py")} == {"commands"}
    for name in SHARED:
        ours = {module for module in imports(ROOT / "l2l_tf" / f"{name}.py") if wing_of(module) in ALLOWED}
        assert not ours, f"{name} imports a wing: {ours}."


@pytest.mark.parametrize("wing", ALLOWED)
def test_a_wing_has_no_circle_of_modules(wing):
    folder = folder_of(wing)
    root = "problems" if wing == "problems" else f"l2l_tf.{wing}"
    modules = {
        ".".join([root, *path.relative_to(folder).with_suffix("").parts]): path
        for path in folder.rglob("*.py")
        if path.stem != "__init__"
    }
    waiting = {}
    for name, path in modules.items():
        seen = at_import(path)
        waiting[name] = {o for o in modules if o != name and any(f"{m}.".startswith(f"{o}.") for m in seen)}
    while waiting:
        free = {name for name, needs in waiting.items() if not needs & set(waiting)}
        assert free, f"These import each other: {sorted(waiting)}."
        waiting = {name: needs for name, needs in waiting.items() if name not in free}


def at_import(path: pathlib.Path) -> frozenset[str]:
    """The modules that a file imports when it is itself imported, or for types alone."""
    found = set()
    tree = ast.parse(path.read_text())
    for node in tree.body:
        for inner in ast.walk(node) if isinstance(node, ast.If) else [node]:
            if isinstance(inner, ast.ImportFrom):
                found |= {f"{inner.module}.{alias.name}" for alias in inner.names}
    return frozenset(found)


@pytest.mark.parametrize("wing", [wing for wing in ALLOWED if wing != "problems"])
def test_a_wing_says_what_it_may_import(wing):
    doc = ast.get_docstring(ast.parse((folder_of(wing) / "__init__.py").read_text()))
    said = doc.replace("\n", " ").split("May import:")[1].split("Imported by:")[0]
    words = {word.strip(" .,") for part in said.split(",") for word in part.split()}
    assert words & set(ALLOWED) == ALLOWED[wing]


EXPERIMENTS = {"shared": set(), "paper": {"shared"}, "talk": {"paper", "shared"}, "analysis": {"paper", "shared"}}


@pytest.mark.parametrize("wing", EXPERIMENTS)
def test_experiments_share_one_way(wing):
    wrong = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in (ROOT / "experiments" / wing).rglob("*.py")
        for module in imports(path, ("experiments",))
        if module.split(".")[1] not in EXPERIMENTS[wing] | {wing}
    }
    assert not wrong
    assert {path.parent.name for path in (ROOT / "experiments").glob("*/*.py")} == set(EXPERIMENTS)
