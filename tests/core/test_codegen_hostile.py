"""Whatever a project is called and whatever its values say, its script does the same and nothing else.

The script of a project with hostile names and texts is compared with that of a harmless twin: the same syntax tree,
but for the names and constants themselves.
"""

import ast
import builtins
import keyword
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.codegen.code import CannotGenerate
from core.codegen.notebook import notebook
from core.codegen.script import script
from core.project.facts import ColumnFacts, DataFacts
from core.project.functions import SCRIPT_NAMES
from core.project.schema import Project

HERE = Path("/data")
EVIL = [
    '"""\nimport os\n"""',
    "'); import os; os.system('id') #",
    "\\",
    '\\"""',
    "{0.__class__}",
    "a\nb\rc\x00d",
    "#@ layer:x",
    "#@",
    "#@@ functions",
    "\u2028\u202e",
    "\ud800",
    "%s" * 3,
    "]]></script>",
]
TEXTS = st.text(min_size=1, max_size=30) | st.sampled_from(EVIL)
TAKEN = [
    *keyword.kwlist,
    *dir(builtins),
    *sorted(SCRIPT_NAMES),
    "self",
    "x",
    "y",
    "y_pred",
    "inputs",
    "outputs",
    "rows",
]
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}", fullmatch=True) | st.sampled_from(
    [name for name in TAKEN if name[0].isalpha()]
)
RESERVED = {"loss", "regularization", "epoch", "val_loss", "val_regularization", "val_epoch"}


def project(names: list[str], texts: list[str]) -> Project:
    """A project of every kind of part, with all its names and free texts given."""
    features, rating, trunk, again, shift, head, nll, mse, own, mae = names
    title, column, label, activation, salt = texts
    bind = {"y_true": f"target:{rating}", "y_pred": f"head:{head}"}
    formula = {"kind": "expression", "code": "exp(-p) * square(y - p) + mean(h)"}
    bound = {"y": f"target:{rating}", "p": f"head:{head}", "h": f"layer:{trunk}"}
    return Project.model_validate(
        {
            "name": title,
            "data": {
                "source": {
                    "kind": "csv",
                    "path": "t.csv",
                    "delimiter": ",",
                    "encoding": "utf-8",
                    "decimal": ".",
                },
                "fields": {
                    features: {"columns": [column], "scaling": "standardize"},
                    rating: {"columns": [label], "missing": "keep"},
                },
            },
            "model": {
                "inputs": {features: {"field": features}},
                "layers": {
                    trunk: {
                        "class": "Dense",
                        "from": [features],
                        "config": {"units": 4, "activation": activation},
                    },
                    again: {"shares": trunk, "from": [features]},
                    shift: {
                        "class": "Dense",
                        "from": [again],
                        "config": {"units": 1, "bias_initializer": salt},
                    },
                },
                "heads": {head: {"layer": shift}},
            },
            "functions": "def own_loss(y, p):\n    return (y - p) ** 2\n",
            "terms": {
                nll: {"loss": formula, "bind": bound},
                mse: {"loss": {"kind": "catalogue", "name": "MeanSquaredError"}, "bind": bind},
                own: {
                    "loss": {"kind": "python", "function": "own_loss"},
                    "bind": {"y": bound["y"], "p": bound["p"]},
                },
            },
            "metrics": {mae: {"metric": "MeanAbsoluteError", "bind": bind}},
        }
    )


def facts(whole: Project) -> DataFacts:
    columns = [name for field in whole.data.fields.values() for name in field.columns]
    number = ColumnFacts(kind="number", dtype="float64", count=10, missing=0)
    return DataFacts(rows=10, columns=dict.fromkeys(columns, number))


def text_of(whole: Project) -> str:
    return script(whole, folder=HERE, out=HERE / "train.py", facts=facts(whole)).text


class Bare(ast.NodeTransformer):
    """Takes names and constants out of a tree; what is called and what attributes are read stays."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(type(node.value).__name__)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(node.id if node.id in KEPT else "name", node.ctx)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = node.name if node.name in KEPT else "name"
        return node


KEPT = {*SCRIPT_NAMES, "own_loss", "self", "super", "map", "open", "eval", "exec", "getattr"}
PLAIN = ["features", "rating", "trunk", "again", "shift", "head", "nll", "mse", "own", "mae"]


def bare(text: str) -> str:
    return ast.dump(Bare().visit(ast.parse(text)))


TWIN = bare(text_of(project(PLAIN, ["a", "b", "c", "d", "e"])))


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=5, max_size=5).filter(lambda texts: texts[1] != texts[2]))
@example(EVIL[:5])
@example(EVIL[5:10])
@example(EVIL[8:13])
def test_hostile_texts_stay_constants(texts: list[str]) -> None:
    text = text_of(project(PLAIN, texts))
    assert bare(text) == TWIN
    constants = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    assert {*texts[1:]} <= constants


def usable(names: list[str]) -> bool:
    terms = names[6:]
    return len(set(names)) == len(names) and not any(
        name in RESERVED or f"val_{name}" in terms for name in terms
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=10, max_size=10, unique=True).filter(usable))
@example(["y", "x", "y_pred", "self", "keras", "layers", "ops", "rating_known", "TermModel", "WEIGHTS"])
@example(["print", "mse", "mse_known", "trunk_layer", "trunk", "a", "sum", "zip", "next", "isinstance"])
@example(
    ["train", "x", "train_layer", "train_layer_2", "np", "Path", "own_loss", "checked", "mean_of_known", "x"]
)
@example(
    ["x_known", "x", "x_", "x__", "x_layer", "x_known_", "number_labels", "number_labels_", "x_l", "y_l"]
)
def test_names_that_python_or_the_script_use_keep_every_part_apart(names: list[str]) -> None:
    if not usable(names):
        return
    whole = project(names, ["a", "b", "c", "d", "e"])
    text = text_of(whole)
    tree = ast.parse(text)
    compile(tree, "train.py", "exec")
    tops = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    tops += [target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    assert len(tops) == len(set(tops)), "two things have one name"
    assert len(tree.body) == len(ast.parse(text_of(project(PLAIN, ["a", "b", "c", "d", "e"]))).body)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "build_model":
            made = [
                target.id for line in node.body if isinstance(line, ast.Assign) for target in line.targets
            ]
            assert len(made) == len(set(made))
            assert not {"keras", "layers", "TermModel", "train"} & {*made}


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').system('id')",
        "y.__class__.__mro__",
        "exp(y)(p)",
        "[].append(y)",
        "(lambda: y)()",
        "y if p else s",
        "open(y)",
        "f'{y}'",
        "y; import os",
        "y\nimport os",
        "y) + open('x'",
        "exp(y, out=open)",
    ],
)
def test_an_expression_that_is_more_than_a_formula_makes_no_script(code: str) -> None:
    data = project(PLAIN, ["a", "b", "c", "d", "e"]).model_dump(mode="json", by_alias=True)
    data["terms"]["nll"]["loss"]["code"] = code
    with pytest.raises(CannotGenerate) as caught:
        text_of(Project.model_validate(data))
    assert caught.value.where == "term:nll"


CONFIGS: list[dict[str, Any]] = [
    {"units": {"class": "os.system", "config": {}}, "name": "x"},
    {"units": 1, "kernel_regularizer": {"class": "L2); import os", "config": {}}},
    {"units": 1, "kernel_regularizer": {"class": "L2", "config": {"l2=1, x": 1}}},
    {"units": 1, "kernel_regularizer": {"class": "Dense", "config": {"units": 1}}},
    {"units": 1, "kernel_regularizer": {"class": "L2", "config": [], "more": 1}},
    {"units": 1, "activation": "relu", "x\n": 1},
    {"units": 1, "**{}": 1},
]


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_a_setting_that_is_not_in_the_catalogue_makes_no_script(config: dict[str, Any]) -> None:
    data = project(PLAIN, ["a", "b", "c", "d", "e"]).model_dump(mode="json", by_alias=True)
    data["model"]["layers"]["shift"]["config"] = config
    with pytest.raises(CannotGenerate) as caught:
        text_of(Project.model_validate(data))
    assert caught.value.where == "layer:shift"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["units", "activation", "kernel_initializer", "kernel_constraint"]), VALUES)
def test_a_setting_of_any_value_is_a_constant_or_makes_no_script(key: str, value: object) -> None:
    data = project(PLAIN, ["a", "b", "c", "d", "e"]).model_dump(mode="json", by_alias=True)
    data["model"]["layers"]["shift"]["config"] = {"units": 1, key: value}
    try:
        text = text_of(Project.model_validate(data))
    except CannotGenerate:
        return
    (line,) = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "shift"
    ]
    assert isinstance(line, ast.Call)
    assert isinstance(line.func, ast.Call)
    for argument in [*line.func.args, *(setting.value for setting in line.func.keywords)]:
        ast.literal_eval(argument)


@given(st.lists(TEXTS, min_size=5, max_size=5).filter(lambda texts: texts[1] != texts[2]))
@settings(max_examples=20, deadline=None)
def test_a_notebook_of_hostile_texts_runs_the_same(texts: list[str]) -> None:
    import nbformat

    whole = project(PLAIN, [title if title.isprintable() else "a" for title in texts])
    cells = nbformat.reads(
        notebook(whole, folder=HERE, out=HERE / "x.ipynb", facts=facts(whole)), as_version=4
    ).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    twin = project(PLAIN, ["a", "b", "c", "d", "e"])
    plain = nbformat.reads(
        notebook(twin, folder=HERE, out=HERE / "x.ipynb", facts=facts(twin)), as_version=4
    ).cells
    assert bare(code) == bare("\n".join(cell.source for cell in plain if cell.cell_type == "code"))
