"""Checks a project without a window: the same problems, as text or JSON."""

import time
from pathlib import Path
from typing import Any

from rich.markup import escape

from core.cli.opening import Opened, Refused
from core.cli.output import print_json, says
from core.data import inspect
from core.project.facts import DataFacts, Facts, ModelFacts
from core.project.problems import Problem, problems
from core.project.trust import Trust
from core.runs import wire
from core.runs.client import EngineClient
from core.runs.launch import EngineFailed

MARKS = {"blocking": "[red]blocking[/]", "warning": "[yellow]warning[/] ", "hint": "[dim]hint[/]    "}
PATIENCE = 120.0
"""Seconds that an engine may take to start and to answer."""


def found_problems(what: Opened, keras: bool, trusted: bool = False) -> tuple[tuple[Problem, ...], Facts]:
    """Return the problems of a project and the facts they were judged by; with `keras` an engine is asked
    too.
    """
    data = inspect(what.project.data, what.folder, what.project.seed)
    model = model_facts(what, data, trusted) if keras else None
    facts = Facts(data=data, model=model)
    return problems(what.project, facts), facts


def model_facts(what: Opened, data: DataFacts, trusted: bool) -> ModelFacts:
    """Ask a new engine what Keras makes of the project. Raises Refused when it does not answer."""
    allowed = trusted or Trust().covers(what.project)
    with _engine() as engine:
        engine.send(wire.AskFacts(request=1, project=what.project, data=data, trusted=allowed))
        end = time.monotonic() + PATIENCE
        while (message := engine.receive(max(0.0, end - time.monotonic()))) is not None:
            if isinstance(message, wire.FactsFound):
                engine.send(wire.Shutdown())
                return message.facts
            if isinstance(message, wire.Gone | wire.Trouble):
                raise Refused(message.sentence)
        engine.kill()
    raise Refused(f"Keras gave no answer within {PATIENCE:.0f} seconds.")


def _engine() -> EngineClient:
    try:
        return EngineClient.start()
    except EngineFailed as error:
        raise Refused(str(error)) from error


def report(file: str, found: tuple[Problem, ...]) -> dict[str, Any]:
    """The problems as JSON: `file`, `problems` (code, severity, where, message, fix), and a count by
    severity.
    """
    listed = [
        {
            "code": one.code,
            "severity": one.severity,
            "where": one.where,
            "message": one.message,
            "fix": one.fix.label if one.fix else None,
        }
        for one in found
    ]
    return {"file": file, "problems": listed, **counts(found)}


def counts(found: tuple[Problem, ...]) -> dict[str, int]:
    return {severity: sum(one.severity == severity for one in found) for severity in MARKS}


def check(what: Opened, file: str, *, as_json: bool, keras: bool, trusted: bool = False) -> int:
    """Print the problems of a project; return 1 when one of them is blocking."""
    found, _facts = found_problems(what, keras, trusted)
    if as_json:
        print_json(report(file, found))
    else:
        say_problems(found)
        says.print(summary(Path(file).name, found), markup=False)
    return int(counts(found)["blocking"] > 0)


def say_problems(found: tuple[Problem, ...]) -> None:
    for one in found:
        fix = f" [dim](fix: {escape(one.fix.label)})[/]" if one.fix else ""
        says.print(f"{MARKS[one.severity]}  [bold]{escape(one.where)}[/]  {escape(one.message)}{fix}")


def summary(name: str, found: tuple[Problem, ...]) -> str:
    parts = [f"{number} {severity}" for severity, number in counts(found).items() if number]
    return f"{name}: {', '.join(parts) or 'nothing to complain about'}."
