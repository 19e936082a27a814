"""Rules about names: what the history keeps for itself, and what two parts cannot share."""

from collections.abc import Iterator

from core.project.edits import rename
from core.project.names import free_name, reserved
from core.project.parts import parts, with_parts
from core.project.problems.problem import Fix, Problem
from core.project.problems.view import View
from core.project.schema import Project


def reserved_names(view: View) -> Iterator[Problem]:
    """Terms and metrics are columns of the history, where Keras writes some itself."""
    for kind in ("term", "metric"):
        for name in parts(view.project, kind):
            why = reserved(kind, name)
            if why:
                yield Problem(
                    "reserved-name", "blocking", f"{kind}:{name}", why, _renamed(view.project, kind, name)
                )


def shared_names(view: View) -> Iterator[Problem]:
    """Inputs and layers are named in one list, terms and metrics in one history."""
    for first, second in (("input", "layer"), ("term", "metric")):
        for name in sorted(parts(view.project, first).keys() & parts(view.project, second).keys()):
            message = f"A {first} and a {second} are both called {name}; give one of them another name."
            fix = _renamed(view.project, second, name)
            yield Problem("name-taken", "blocking", f"{second}:{name}", message, fix)


def _renamed(project: Project, kind: str, name: str) -> Fix:
    base = name.removeprefix("val_") or kind
    used = {taken for space in ("input", "layer", "term", "metric") for taken in parts(project, space)}
    better = free_name(kind, base, used)
    return Fix(f"Rename it to {better}", lambda now: _rename(now, kind, name, better))


def _rename(project: Project, kind: str, name: str, better: str) -> Project:
    """Rename a part; where a layer shares its name with an input, what names it means the input and stays."""
    if kind != "layer" or name not in project.model.inputs:
        return rename(project, f"{kind}:{name}", better)
    layers = {better if key == name else key: layer for key, layer in project.model.layers.items()}
    return with_parts(project, "layer", layers)
