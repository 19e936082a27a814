"""What is known about the open project and what is wrong with it, kept up to date while the user edits.

Facts about the data are read in worker threads, first from the first rows, then from all; facts about the
model are asked from the warm engine. Whatever arrives, the problems are found anew, off the GUI thread too.
"""

from collections.abc import Callable, Hashable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from core.data.failures import NO_SOURCE
from core.data.giving_up import as_long_as
from core.project.facts import DataFacts, Facts, ModelFacts
from core.project.problems import Problem, problems
from core.project.schema import Data, Project
from core.project.stamps import data_path
from gui.background import Background
from gui.document import Document
from gui.training import Training

SOON = 20
"""Milliseconds until an edit is checked: a burst of edits is checked once."""
ENGINE_SOON = 120
STALE_AFTER = 2500
"""Milliseconds for which facts of the model before the edit still count, until Keras answers."""
LOOK_AGAIN = 2000
"""Milliseconds between two looks whether somebody has changed the data file."""
FIRST_ROWS = 5_000

Written = tuple[int, int] | None

UNTRUSTED = (
    "These Python functions came with the file and do not run until you trust them; read them in the Code tab, "
    "then press Trust."
)


class Checking(QObject):
    """`facts` and `problems` of the document's project; `changed` when either is another one."""

    changed = Signal()

    def __init__(self, document: Document, training: Training, parent: QObject | None = None):
        super().__init__(parent)
        self._document, self._training = document, training
        self.facts = Facts()
        self.problems: tuple[Problem, ...] = ()
        self.busy = False  # reading the data
        self._judge, self._peek, self._read = (
            Background(name, self) for name in ("problems", "peek", "read")
        )
        self._soon = self._timer(SOON, self._find_problems)
        self._ask_soon = self._timer(ENGINE_SOON, self._ask_keras)
        self._stale = self._timer(STALE_AFTER, self._drop_model_facts)
        self._clock = QTimer(self, interval=LOOK_AGAIN)
        self._clock.timeout.connect(self._look_again)
        self._written: Written = None
        self._lost = ""  # why Keras gave no answer
        self._opening = False
        self._reading = 0  # what was asked of the data last
        document.opened.connect(self._note_opening)
        document.changed.connect(self._follow)
        training.facts_arrived.connect(self._take_model_facts)
        training.facts_lost.connect(self._lose_model_facts)
        training.closing.connect(self.close)
        self._inspect()
        self._soon.start()

    # ---- answers

    @property
    def blocking(self) -> tuple[Problem, ...]:
        """What keeps the project from being trained."""
        return tuple(problem for problem in self.problems if problem.severity == "blocking")

    def of(self, reference: str) -> list[Problem]:
        """The problems of the part that `reference` names."""
        return [problem for problem in self.problems if problem.where == reference]

    @property
    def trusted(self) -> bool:
        """Whether the project's Python may run."""
        return self._training.trusted(self._document.project)

    def trust(self) -> None:
        """The user has read the project's Python and lets it run."""
        self._training.trust_lastingly(self._document.project)
        self._soon.start()
        self._ask_soon.start()

    def close(self) -> None:
        for timer in (self._soon, self._ask_soon, self._stale, self._clock):
            timer.stop()
        self._reading += 1
        for worker in (self._judge, self._peek, self._read):
            worker.close()

    # ---- following the document

    def _note_opening(self) -> None:
        self._opening = True

    def _follow(self, before: Project, after: Project) -> None:
        opening, self._opening = self._opening, False
        if opening:
            self.facts = Facts()
        elif before.functions != after.functions and self._training.trusted(before):
            # Typed into trusted code in this window; code that came with a file stays as it is.
            self._training.trust.remember(after.functions, lasting=False)
        if opening or before.data != after.data or before.seed != after.seed:
            self._inspect()
        if opening or _what_keras_sees(before) != _what_keras_sees(after):
            self._ask_soon.start()
            self._stale.start()
        self._soon.start()

    # ---- data

    def _inspect(self) -> None:
        project, folder = self._document.project, self._document.folder
        data, seed = project.data, project.seed
        self._read.forget("facts")
        self.busy = True
        self._reading += 1
        turn = self._reading

        def wanted() -> bool:
            return self._reading == turn

        def read_all() -> DataFacts:
            return _read(data, folder, seed, None, wanted)

        def first() -> tuple[Written, DataFacts]:
            return written(project, folder), _read(data, folder, seed, FIRST_ROWS, wanted)

        def then(answer: tuple[Written, DataFacts]) -> None:
            self._written, facts = answer
            self._take_data_facts(data, folder, facts)
            self._clock.start()
            if not facts.exact:
                self._read.ask("facts", read_all, whole, self._say_unreadable)
            self.busy = not facts.exact

        def whole(facts: DataFacts) -> None:
            self.busy = False
            self._take_data_facts(data, folder, facts)

        self._peek.ask("facts", first, then, self._say_unreadable)

    def _look_again(self) -> None:
        """Read the data anew when somebody has changed their file, or when it is gone."""
        project, folder = self._document.project, self._document.folder
        if not self.busy:
            self._peek.ask("file", lambda: written(project, folder), self._compare, self._say_unreadable)

    def _compare(self, now: Written) -> None:
        if now != self._written and not self.busy:
            self._training.known_data = None
            self._inspect()

    def _take_data_facts(self, data: Data, folder: Path, facts: DataFacts) -> None:
        self.facts = self.facts.model_copy(update={"data": facts})
        if facts.exact:
            self._training.known_data = (data, folder, facts)
        self._soon.start()
        self._ask_soon.start()

    def _say_unreadable(self, error: Exception) -> None:
        self.busy = False
        self._take_data_facts(self._document.project.data, self._document.folder, DataFacts(error=str(error)))

    # ---- model

    def _ask_keras(self) -> None:
        self._lost = ""
        project = self._document.project
        if self.facts.data is None:
            return  # without the data's shapes Keras knows nothing; it is asked once they are there
        if project.model.layers or project.model.inputs:
            self._training.ask_facts(project, self.facts.data, self.trusted)
        else:
            self._take_model_facts(ModelFacts())

    def _take_model_facts(self, facts: ModelFacts) -> None:
        self._stale.stop()
        self._lost = ""
        self.facts = self.facts.model_copy(update={"model": facts})
        self._soon.start()

    def _lose_model_facts(self, why: str) -> None:
        self._drop_model_facts()
        self._lost = why

    def _drop_model_facts(self) -> None:
        self._stale.stop()
        self.facts = self.facts.model_copy(update={"model": None})
        self._soon.start()

    # ---- problems

    def _find_problems(self) -> None:
        project, facts = self._document.project, self.facts
        self._judge.ask(
            "problems", lambda: problems(project, facts), self._take_problems, self._say_broken_rule
        )

    def _take_problems(self, found: tuple[Problem, ...]) -> None:
        if self._lost:
            where = "functions" if self._document.project.functions.strip() else "total"
            words = f"Keras could not be asked about this project: {self._lost}"
            found = (*found, Problem("engine-lost", "warning", where, words, None))
        if not self.trusted:
            found = (Problem("untrusted-code", "blocking", "functions", UNTRUSTED, None), *found)
        self.problems = found
        self.changed.emit()

    def _say_broken_rule(self, error: Exception) -> None:
        words = f"Lossmith could not check this project ({type(error).__name__}: {error}); please report it."
        self._take_problems((Problem("check-failed", "warning", "data", words, None),))

    def _timer(self, milliseconds: int, what: object) -> QTimer:
        timer = QTimer(self, singleShot=True, interval=milliseconds)
        timer.timeout.connect(what)
        return timer


def written(project: Project, folder: Path) -> Written:
    """When the project's data file was written and how long it is; None where there is none."""
    path = data_path(project, folder)
    try:
        found = path.stat() if path else None
    except (OSError, ValueError):
        return None
    return (found.st_mtime_ns, found.st_size) if found else None


def _read(data: Data, folder: Path, seed: int, rows: int | None, wanted: Callable[[], bool]) -> DataFacts:
    if data.source is None:
        return DataFacts(error=NO_SOURCE)
    from core.data import inspect  # brings pandas along

    with as_long_as(wanted):
        return inspect(data, folder, seed, rows)


def _what_keras_sees(project: Project) -> Hashable:
    """The parts of a project that change what Keras says; a weight or a place on the canvas does not."""
    terms = tuple(
        (name, term.loss, tuple(term.bind.items()), term.on) for name, term in project.terms.items()
    )
    return repr((project.data, project.model, project.functions, terms, project.metrics))
