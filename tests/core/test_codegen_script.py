"""The script says what the project says, as one would write it by hand, and the same way every time."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ruff import find_ruff_bin

from core.codegen.code import CannotGenerate
from core.codegen.compile_style import compile_script, why_not
from core.codegen.notebook import notebook
from core.codegen.script import Script, script
from core.project import edits
from core.project.functions import SCRIPT_NAMES, defined
from core.project.schema import Layer, Optimizer, Project
from core.project.storage import load

TEMPLATES = Path(__file__).parents[2] / "resources" / "templates"
ALL = sorted(TEMPLATES.glob("*.lossmith"))
UNCERTAINTY = TEMPLATES / "uncertainty.lossmith"


def made(project: Project, tmp_path: Path) -> Script:
    return script(project, folder=TEMPLATES, out=tmp_path / "train.py")


def every_style(path: Path, out: Path) -> Iterator[str]:
    project = load(path)
    yield script(project, folder=TEMPLATES, out=out).text
    if why_not(project) is None:
        yield compile_script(project, folder=TEMPLATES, out=out).text


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_scripts_are_formatted_and_hold_nothing_unused_or_undefined(path: Path, tmp_path: Path) -> None:
    for text in every_style(path, tmp_path / "train.py"):
        for check in (["format", "--check", "--line-length", "100"], ["check", "--select", "F,E9,I001"]):
            command = [find_ruff_bin(), *check, "--isolated", "-"]
            done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=False)
            assert not done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_part_in_use_has_lines_that_name_it(path: Path, tmp_path: Path) -> None:
    project = load(path)
    whole = made(project, tmp_path)
    text = whole.text.splitlines()
    for kind, names in (("term", project.terms), ("head", project.model.heads), ("metric", project.metrics)):
        for name in names:
            for first, last in whole.lines[f"{kind}:{name}"]:
                assert any(name in line for line in text[first - 1 : last])
    assert {"data", "training", "total", "regularization"} <= set(whole.lines)
    assert "@ " not in whole.text


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_what_a_script_defines_is_kept_from_the_projects_own_functions(path: Path, tmp_path: Path) -> None:
    project = load(path)
    text = made(project, tmp_path).text
    own = {*project.terms, *defined(project.functions)}
    data = {name for name in defined(text) if name.startswith("load_")}
    assert set(defined(text)) - own - data <= SCRIPT_NAMES


def test_no_hash_order_gets_into_a_script(tmp_path: Path) -> None:
    code = (
        "import hashlib, sys\nfrom pathlib import Path\n"
        "from core.codegen.script import script\nfrom core.project.storage import load\n"
        "folder = Path(sys.argv[1])\n"
        "for path in sorted(folder.glob('*.lossmith')):\n"
        "    text = script(load(path), folder=folder, out=Path('train.py').absolute()).text\n"
        "    print(path.stem, hashlib.sha256(text.encode()).hexdigest())\n"
    )
    outputs = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(TEMPLATES.parents[1])}
        command = [sys.executable, "-c", code, str(TEMPLATES)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_a_term_switched_off_leaves_no_trace(tmp_path: Path) -> None:
    project = edits.set_on(load(UNCERTAINTY), "mse", False)
    whole = made(project, tmp_path)
    assert "mse" not in whole.text
    assert "term:mse" not in whole.lines


def test_without_metrics_the_model_overrides_nothing_for_them(tmp_path: Path) -> None:
    project = load(UNCERTAINTY)
    project = edits.remove(project, [f"metric:{name}" for name in project.metrics])
    assert "compute_metrics" not in made(project, tmp_path).text


def test_the_projects_python_stands_in_the_script_as_it_was_written(tmp_path: Path) -> None:
    code = "#@ term:mse\n\n\n\n\ndef own( y,p ):\n    '''#@ layer:x'''\n    return   (y-p)**2  # odd\n#@"
    project = load(UNCERTAINTY).model_copy(update={"functions": code})
    whole = made(project, tmp_path)
    assert code in whole.text
    ((first, last),) = whole.lines["functions"]
    assert "\n".join(whole.text.splitlines()[first - 1 : last]) == code


def without(path: str) -> dict[str, Any]:
    """The flagship project as JSON data with something taken out or broken, by the name of the case."""
    data: dict[str, Any] = load(UNCERTAINTY).model_dump(mode="json", by_alias=True)
    model, terms = data["model"], data["terms"]
    layer = next(iter(model["layers"]))
    match path:
        case "terms":
            data["terms"] = {}
        case "heads":
            model["heads"] = {}
            data["terms"] = {}
        case "binding":
            terms["mse"]["bind"].pop("y_pred")
        case "stale binding":
            terms["mse"]["bind"]["y_pred"] = "head:gone"
        case "class":
            model["layers"][layer]["class"] = "Dens"
        case "setting":
            model["layers"][layer]["config"]["unit"] = 3
        case "required setting":
            del model["layers"][layer]["config"]["units"]
        case "circle":
            model["layers"][layer]["from"] = [layer]
        case "field":
            next(iter(model["inputs"].values()))["field"] = ""
        case "function":
            terms["mse"]["loss"] = {"kind": "python", "function": "gone"}
        case "python":
            data["functions"] = "def f(:"
        case "expression":
            terms["nll"]["loss"]["code"] = "open(y)"
        case "source":
            data["data"].pop("source")
        case "name":
            data["terms"]["loss"] = terms.pop("mse")
        case "optimizer":
            data["training"]["optimizer"] = {"class": "Adams"}
        case "monitor":
            data["training"]["early_stopping"] = {"monitor": "gone"}
    return data


@pytest.mark.parametrize(
    ("case", "where", "says"),
    [
        ("terms", "total", "no term"),
        ("heads", "total", "no (head|term)"),
        ("binding", "term:mse", "Argument y_pred of term mse is not bound yet"),
        ("stale binding", "term:mse", "bound to gone, which is not there"),
        ("class", "layer:", "no layer called 'Dens'"),
        ("setting", "layer:", "no setting called 'unit'"),
        ("required setting", "layer:", "needs a value for units"),
        ("circle", "layer:", "computed from itself"),
        ("field", "input:", "has no field"),
        ("function", "term:mse", "no function 'gone'"),
        ("python", "functions", "Line 1"),
        ("expression", "term:nll", "Column 1: open"),
        ("source", "data", "no data"),
        ("name", "term:loss", "no room"),
        ("optimizer", "training", "Adams"),
        ("monitor", "training", "watches gone"),
    ],
)
def test_what_is_not_complete_is_named(case: str, where: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(CannotGenerate, match=says) as caught:
        made(Project.model_validate(without(case)), tmp_path)
    assert caught.value.where.startswith(where)
    assert caught.value.sentence == str(caught.value)


def test_a_deep_model_is_no_matter(tmp_path: Path) -> None:
    data = load(UNCERTAINTY).model_dump(mode="json", by_alias=True)
    layers = data["model"]["layers"]
    before = next(iter(layers))
    for number in range(1500):
        layers[f"deep{number}"] = {"class": "Dense", "from": [before], "config": {"units": 2}}
        before = f"deep{number}"
    next(iter(data["model"]["heads"].values()))["layer"] = before
    assert "deep1499 = layers.Dense(2" in made(Project.model_validate(data), tmp_path).text


def test_an_optimizer_that_begins_with_copies_of_the_weights_is_built_before_the_first_step(
    tmp_path: Path,
) -> None:
    """While Keras traces the step, where it would build it else, the copies are lost."""
    project = load(TEMPLATES / "one-output.lossmith")
    assert "optimizer.build" not in made(project, tmp_path).text
    chosen = Optimizer(class_name="ScheduleFreeAdamW", config={"learning_rate": 0.01})
    project = edits.put(project, "training", project.training.model_copy(update={"optimizer": chosen}))
    texts = made(project, tmp_path).text, compile_script(project, folder=TEMPLATES, out=tmp_path / "x").text
    assert all("    model.optimizer.build(model.trainable_variables)" in text for text in texts)


def test_whole_numbers_are_written_as_fractions_where_keras_wants_some(tmp_path: Path) -> None:
    project = load(TEMPLATES / "one-output.lossmith")
    chosen = Optimizer(class_name="SGD", config={"learning_rate": 1, "momentum": 0})
    project = edits.put(project, "training", project.training.model_copy(update={"optimizer": chosen}))
    assert "SGD(learning_rate=1.0, momentum=0.0)" in made(project, tmp_path).text


def test_a_normalization_that_knows_its_mean_learns_none(tmp_path: Path) -> None:
    project = load(TEMPLATES / "one-output.lossmith")
    (name,) = project.model.inputs
    known = Layer(class_name="Normalization", sources=(name,), config={"mean": 0.0, "variance": 1.0})
    head, part = next(iter(project.model.heads.items()))
    project = edits.put(project, "layer:known", known)
    project = edits.put(project, f"head:{head}", part.model_copy(update={"layer": "known"}))
    text = made(project, tmp_path).text
    assert "Normalization(mean=0.0, variance=1.0" in text
    assert ".adapt(" not in text


def test_the_compile_style_says_why_not() -> None:
    reasons = {path.stem: why_not(load(path)) for path in ALL}
    assert reasons["penguins"] is None
    assert reasons["uncertainty"] == "Term nll is no loss of the catalogue."


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_notebooks_are_valid_and_the_same_every_time(path: Path, tmp_path: Path) -> None:
    texts = {notebook(load(path), folder=TEMPLATES, out=tmp_path / "train.ipynb") for _ in range(2)}
    (text,) = texts
    cells = nbformat.reads(text, as_version=4)
    nbformat.validate(cells)
    sources = [cell.source for cell in cells.cells if cell.cell_type == "code"]
    ast.parse("\n".join(sources))
    assert "__file__" not in "".join(sources)
    assert sources[-1] == "model, history = train()"
