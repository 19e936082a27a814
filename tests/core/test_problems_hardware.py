"""What is said of mixed precision and several devices, and the fixes that mend it."""

from typing import Any

from core.project.facts import DataFacts, Facts, FieldFacts, ModelFacts
from core.project.problems import Problem, problems
from core.project.schema import Project

NOISY = {"activity_regularizer": {"class": "L2", "config": {"l2": 0.01}}}


def project(layer: dict[str, Any] | None = None, functions: str = "", **training: Any) -> Project:
    return Project.model_validate(
        {
            "data": {
                "source": {"kind": "csv", "path": "rows.csv"},
                "fields": {"x": {"columns": ["a"]}, "y": {"columns": ["b"]}},
            },
            "model": {
                "inputs": {"x": {"field": "x"}},
                "layers": {
                    "wide": {"class": "Dense", "from": ["x"], "config": {"units": 4}} | (layer or {}),
                    "even": {"class": "BatchNormalization", "from": ["wide"]},
                    "p": {"class": "Dense", "from": ["even"], "config": {"units": 1}},
                },
                "heads": {"p": {"layer": "p"}},
            },
            "functions": functions,
            "terms": {"mse": {"bind": {"y_true": "target:y", "y_pred": "head:p"}}},
            "training": training,
        }
    )


def facts(largest: float = 1.0, *devices: str) -> Facts:
    fields = {name: FieldFacts(shape=(1,), dtype="float32", minimum=-1, maximum=largest) for name in "xy"}
    return Facts(data=DataFacts(rows=100, fields=fields), model=ModelFacts(devices=devices))


def found(code: str, made: Project, known: Facts) -> Problem | None:
    return next((each for each in problems(made, known) if each.code == code), None)


def mended(code: str, made: Project, known: Facts) -> bool:
    problem = found(code, made, known)
    assert problem is not None
    assert problem.fix is not None
    return found(code, problem.fix.apply(made), known) is None


def test_mixed_precision_without_a_gpu_is_a_hint():
    mixed = project(precision="mixed_bfloat16")
    assert found("slow-precision", mixed, facts(1.0, "CPU:0")).severity == "hint"
    assert mended("slow-precision", mixed, facts(1.0, "CPU:0"))
    assert found("slow-precision", mixed, facts(1.0, "GPU:0")) is None
    assert found("slow-precision", mixed, facts()) is None
    assert found("slow-precision", project(), facts(1.0, "CPU:0")) is None


def test_numbers_beyond_float16_are_found():
    mixed = project(precision="mixed_float16")
    assert "reaches 1e+06" in found("beyond-float16", mixed, facts(1e6)).message
    assert found("beyond-float16", mixed, facts(60_000.0)) is None
    assert found("beyond-float16", project(precision="mixed_bfloat16"), facts(1e6)) is None
    prepared = project({"class": "Normalization", "config": {}}, precision="mixed_float16")
    assert found("beyond-float16", prepared, facts(1e6)) is None


def test_penalties_on_outputs_beside_batch_normalization_need_one_device():
    noisy = project({"config": {"units": 4, **NOISY}}, devices="all")
    assert mended("penalty-on-devices", noisy, facts())
    assert found("penalty-on-devices", project(devices="all"), facts()) is None


def test_loss_objects_inside_functions_are_found_on_several_devices():
    code = "def f(y, p):\n    return keras.losses.MeanSquaredError()(y, p)\n"
    assert (
        "MeanSquaredError"
        in found("loss-object-on-devices", project(None, code, devices="all"), facts()).message
    )
    assert found("loss-object-on-devices", project(None, code), facts()) is None
