"""The inspector: everything of the selected part in one form, which follows the selection."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from core.project.facts import Facts
from core.project.problems import Problem
from core.project.references import exists, parse
from core.project.schema import Project
from gui import theme
from gui.checking import Checking
from gui.document import Document
from gui.panels.forms import Form
from gui.panels.inspecting import data, loading, model, terms, training
from gui.panels.sheets import Edit, Press, Sheet
from gui.selection import Selection
from gui.widgets.banner import Strip
from gui.widgets.card import Header
from gui.widgets.naming import named, role

Named = Callable[[Project, Facts, str], Sheet]
Single = Callable[[Project, Facts], Sheet]
NAMED: dict[str, Named] = {
    "field": data.field_sheet,
    "target": data.field_sheet,
    "input": model.input_sheet,
    "layer": model.layer_sheet,
    "head": model.head_sheet,
    "term": terms.term_sheet,
    "metric": terms.metric_sheet,
}
SINGLE: dict[str, Single] = {
    "data": loading.data_sheet,
    "split": data.split_sheet,
    "training": training.training_sheet,
    "total": training.total_sheet,
    "regularization": training.regularization_sheet,
    "functions": terms.functions_sheet,
}
LEAST_WIDTH = 284
KINDS = {"bad": "blocking", "warning": "warning", "hint": "hint"}


def sheet_of(project: Project, facts: Facts, reference: str) -> Sheet:
    """The sheet of the part that `reference` names; of the project where it names none."""
    found = parse(reference)
    if found is None or not exists(project, reference):
        return training.project_sheet(project, facts)
    if found.name and found.kind in NAMED:
        return NAMED[found.kind](project, facts, found.name)
    return SINGLE.get(found.kind, training.project_sheet)(project, facts)


class InspectorPanel(QWidget):
    """Shows the sheet of what is selected and turns what is chosen there into edits."""

    def __init__(self, document: Document, selection: Selection, checking: Checking):
        super().__init__()
        self._document, self._selection, self._checking = document, selection, checking
        self._renaming = False
        self.setObjectName("inspectorPanel")
        self.header = Header()
        self.form = named(Form(), "inspectorForm")
        self._help = role(QLabel(wordWrap=True), "muted")
        self._strips = QVBoxLayout()
        self._strips.setSpacing(theme.px(theme.GAP_XS))
        self._shown_problems: list[Problem] = []
        self._sheet = Sheet("")
        self._build()
        self.form.wanted.connect(self._change)
        self.form.reset.connect(self._reset)
        self.form.pressed.connect(self._press)
        self.form.explained.connect(self._explain)
        selection.changed.connect(lambda _reference: self.refresh(top=True))
        document.changed.connect(lambda _before, _after: self.refresh())
        checking.changed.connect(self.refresh)
        self.refresh()

    def refresh(self, top: bool = False) -> None:
        """Show the selected part as it is now; `top` scrolls to its first row."""
        if self._renaming:
            return
        self._sheet = sheet = sheet_of(self._document.project, self._checking.facts, self._selection.current)
        self.header.title.setText(sheet.title)
        self.header.remark.setText(sheet.remark)
        self.form.show_rows(sheet.rows, anew=top)
        self._help.setText(sheet.help)
        self._show_problems()
        if top:
            QTimer.singleShot(0, self, lambda: self._area.verticalScrollBar().setValue(0))

    def _build(self) -> None:
        body = named(QWidget(), "formBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(
            *(theme.px(n) for n in (theme.GAP_M, theme.GAP_M, theme.GAP_S, theme.GAP_M))
        )
        column.setSpacing(theme.px(theme.GAP_M))
        column.addLayout(self._strips)
        column.addWidget(self.form)
        column.addWidget(self._help)
        column.addStretch(1)
        self._area = QScrollArea(widgetResizable=True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setWidget(body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._area)
        self.setFocusProxy(self.form)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(LEAST_WIDTH), theme.px(160))

    # ---- problems

    def _show_problems(self) -> None:
        reference = self._selection.current
        found = self._checking.of(reference) if reference else []
        if found == self._shown_problems:
            return
        self._shown_problems = found
        while (item := self._strips.takeAt(0)) is not None:
            if (strip := item.widget()) is not None:
                strip.hide()
                strip.deleteLater()
        for problem in found:
            self._strips.addWidget(self._strip(problem))

    def _strip(self, problem: Problem) -> Strip:
        strip = Strip(self, closable=False, narrow=True)  # without a parent it would flash up as a window
        kind = next(kind for kind, severity in KINDS.items() if severity == problem.severity)
        fix = problem.fix
        mend = (fix.label, lambda: self._edit(fix.label, fix.apply(self._document.project))) if fix else None
        strip.say(problem.message, kind, mend)  # type: ignore[arg-type]
        return strip

    # ---- edits

    def _change(self, row: Edit, value: Any) -> None:
        changed = self._tried(row, lambda: row.put(self._document.project, value))
        if changed is None:
            return
        name = self._sheet.title
        if row.key == "name":
            self._rename(str(value), changed)
        else:
            self._edit(f"{row.label.capitalize()} of {name}", changed, f"{self._selection.current}.{row.key}")

    def _reset(self, row: Edit) -> None:
        reset = row.reset
        if reset is None:
            return
        changed = self._tried(row, lambda: reset(self._document.project))
        if changed is not None:
            self._edit(f"Reset {row.label} of {self._sheet.title}", changed)

    def _rename(self, name: str, project: Project) -> None:
        """Follow the part to its new name, so that it stays shown."""
        found = parse(self._selection.current)
        before = self._sheet.title
        self._renaming = True
        self._edit(f"Rename {before} to {name}", project)
        self._renaming = False
        self._selection.select(f"{found.kind}:{name}" if found else "")
        self.refresh()

    def _press(self, row: Press) -> None:
        if row.leads:
            self._selection.select(row.leads)
        elif row.do is not None:
            self._edit(row.text, row.do(self._document.project))

    def _tried(self, row: Edit, change: Callable[[], Project]) -> Project | None:
        """The changed project; None where the value was refused, and then the row says why."""
        try:
            return change()
        except ValidationError as error:
            self.form.complain(row, f"{error.errors()[0]['msg']}.")
        except ValueError as error:
            self.form.complain(row, str(error))
        return None

    def _edit(self, label: str, project: Project, merge: str | None = None) -> None:
        self._document.edit(label, project, merge)

    def _explain(self, help: str) -> None:
        """Say what the row with the keyboard is for, above what the part is."""
        self._help.setText("\n\n".join(words for words in dict.fromkeys((help, self._sheet.help)) if words))
