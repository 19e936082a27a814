"""The rules of the folders, kept by machine: who may import whom, what a file may be called, how long it may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "core",
    "gui",
    "pyproject.toml",
    "requirements.lock",
    "resources",
    "scripts",
    "tests",
}
DRAWERS = {"utils", "util", "misc", "helpers", "helper", "common", "base", "manager", "stuff", "shared"}
MOST_LINES, MOST_FUNCTION_LINES = 400, 40
SOURCES = sorted(path for folder in ("core", "gui", "scripts") for path in (ROOT / folder).rglob("*.py"))
EVERY_SOURCE = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


def tracked() -> list[str]:
    """The files that git keeps; all there are where this is no checkout."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    return [str(path.relative_to(ROOT)) for top in TOP_LEVEL for path in (ROOT / top).rglob("*")]


def modules(package: str, but: tuple[str, ...] = ()) -> list[str]:
    """The dotted names of all modules in a package, except those below `but`."""
    found = []
    for path in sorted((ROOT / package.replace(".", "/")).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] != "__main__" and not any(name == one or name.startswith(f"{one}.") for one in but):
            found.append(name)
    return found


def loaded_by(names: list[str]) -> set[str]:
    """What a fresh interpreter has loaded after importing these modules."""
    code = (
        "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code, *names], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def among(loaded: set[str], *packages: str) -> list[str]:
    return sorted(
        name for name in loaded if any(name == one or name.startswith(f"{one}.") for one in packages)
    )


def test_the_core_loads_neither_qt_nor_the_window_nor_tensorflow():
    loaded = loaded_by(modules("core", but=("core.engine",)))
    assert among(loaded, "PySide6", "gui", "tensorflow", "keras") == []


def test_the_window_loads_neither_tensorflow_nor_the_engine():
    assert among(loaded_by(modules("gui")), "tensorflow", "keras", "core.engine") == []


def test_widgets_know_nothing_of_ours():
    foreign = among(loaded_by(modules("gui.widgets")), "core", "gui")
    allowed = ("gui", "gui.widgets", "gui.theme", "gui.stylesheet", "gui.colouring", "gui.glyphs")
    assert [name for name in foreign if name not in allowed and not name.startswith("gui.widgets.")] == []


@pytest.mark.parametrize("package", ["core.project", "core.data", "core.runs", "core.codegen", "core.cli"])
def test_a_part_of_the_core_can_be_loaded_alone(package: str):
    loaded_by([modules(package)[-1]])


@pytest.mark.parametrize("path", sorted((ROOT / "core" / "engine").rglob("*.py")), ids=lambda path: path.name)
def test_the_engine_imports_no_qt(path: Path):
    assert [name for name in imports(path) if name.partition(".")[0] in ("PySide6", "gui")] == []


def test_the_import_contracts_hold():
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_nothing_else_lies_at_the_top():
    assert {path.split("/")[0] for path in tracked()} <= TOP_LEVEL


def test_no_drawers():
    names = {part.removesuffix(".py").strip("_") for path in tracked() for part in path.lower().split("/")}
    assert names & DRAWERS == set()


@EVERY_SOURCE
def test_a_module_says_why_it_exists_and_is_not_too_long(path: Path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    empty_package = path.name == "__init__.py" and not text.strip()
    assert empty_package or ast.get_docstring(ast.parse(text)), "a module needs a docstring"


@EVERY_SOURCE
def test_no_function_is_too_long(path: Path):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, kinds)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > MOST_FUNCTION_LINES} == {}


@EVERY_SOURCE
def test_nothing_is_pickled_or_evaluated(path: Path):
    """Projects, data and messages come from anywhere; only the engine runs what a user wrote."""
    assert [
        name
        for name in imports(path)
        if name.partition(".")[0] in ("pickle", "dill", "cloudpickle", "joblib")
    ] == []
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    called = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert ROOT / "core" / "engine" in path.parents or called & {"eval", "exec"} == set()


def test_no_file_names_a_place_on_one_machine():
    places = [b"/" + name + b"/" for name in (b"work", b"root", b"home")]
    texts = [
        ROOT / path for path in tracked() if not path.endswith((".png", ".csv", ".lock", ".ttf", ".npz"))
    ]
    assert [
        path.name for path in texts if path.is_file() and any(one in path.read_bytes() for one in places)
    ] == []
