"""Writes what a project becomes outside Lossmith: a script, the plain compile style, a notebook."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from core.cli.opening import Opened, Refused
from core.codegen import compile_style, notebook, script
from core.codegen.code import CannotGenerate
from core.codegen.fitting import Changes
from core.codegen.replay import as_trained, changes_of
from core.data import inspect
from core.project.facts import DataFacts
from core.project.writing import unwritable
from core.runs.folder import write_whole
from core.runs.history import History


class Style(StrEnum):
    script = "script"
    compile = "compile"
    notebook = "notebook"


def export(what: Opened, out: Path, style: Style) -> None:
    """Write `what` to `out`. Raises Refused: code 1 when it cannot be generated, 2 when `out` cannot be
    written.
    """
    facts = inspect(what.project.data, what.folder, what.project.seed)
    try:
        text = _MAKERS[style](what, out.resolve(), facts)
    except CannotGenerate as error:
        raise Refused(str(error), 1) from error
    try:
        write_whole(out.resolve(), text)
    except OSError as error:
        raise Refused(unwritable(out, error)) from error


def _script(what: Opened, out: Path, facts: DataFacts) -> str:
    """The script; of a run, with the weights and rates that were set while it trained."""
    changes, project = Changes(), what.project
    if what.run is not None:
        history = History(what.run)
        changes, project = changes_of(history), as_trained(project, history)
        history.close()
    return script.script(project, folder=what.folder, out=out, facts=facts, changes=changes).text


def _compile(what: Opened, out: Path, facts: DataFacts) -> str:
    reason = compile_style.why_not(what.project)
    if reason:
        raise Refused(f"This project cannot be written in the compile style: {reason}", 1)
    return compile_style.compile_script(what.project, folder=what.folder, out=out, facts=facts).text


def _notebook(what: Opened, out: Path, facts: DataFacts) -> str:
    return notebook.notebook(what.project, folder=what.folder, out=out, facts=facts)


_MAKERS: dict[Style, Callable[[Opened, Path, DataFacts], str]] = {
    Style.script: _script,
    Style.compile: _compile,
    Style.notebook: _notebook,
}
