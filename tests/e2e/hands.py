"""A pair of eyes, a mouse and a keyboard before the window.

Every press goes to the window at a place of the screen and Qt decides what lies there, so what is hidden, covered or
greyed out cannot be pressed. Only the system's own file dialogs are answered from outside.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEventLoop, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QAction, QCursor, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QScrollArea,
    QTabBar,
    QWidget,
)

from gui.widgets.searchmenu import SearchMenu
from gui.window import Window

W = TypeVar("W", bound=QWidget)
NONE, CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
PATIENCE = 30.0
NOTCH, STILL = 120, 40
UNTIL_LISTS_TAKE_CLICKS = 450
"""Milliseconds for which a list that dropped down takes a click for the second half of a double click."""
PICTURES = "LOSSMITH_PICTURES"
"""Names a folder that gets a picture of every stage, for whoever wants to look at what a test sees."""


class Hands:
    """Look at one window and use it. What is not there, not visible or not enabled in time raises AssertionError."""

    def __init__(self, window: Window):
        self.window = window
        folder = os.environ.get(PICTURES)
        self._pictures = Path(folder) if folder else None
        self._taken = 0
        self._expecting = 0
        self.surprises: list[str] = []

    def refuse_surprises(self) -> None:
        """Close a dialog that nobody waits for: it would hold everything up for ever."""
        dialog = QApplication.activeModalWidget()
        if dialog is not None and not self._expecting:
            said = [label.text() for label in dialog.findChildren(QLabel) if label.text()]
            self.surprises.append(f"{dialog.windowTitle()}: {' '.join(said)}")
            dialog.close()

    def leave(self) -> None:
        """Stop what trains and close the window, whatever state it is in; nothing is asked or saved."""
        training = self.window.bench.training
        if training.state.busy and self.window.isVisible():
            training.stop()
            self.until(lambda: not training.state.busy, "the run has stopped")
        self.window.bench.document.undo.setClean()
        self.window.close()

    # ---- waiting and looking

    def until(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Wait for `condition`; `what` says in an error what was waited for."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds:g} s in vain until {what}"
            self.rest(10)

    def rest(self, milliseconds: int = 60) -> None:
        """Let the window answer. A loop of its own, because QTest.qWait keeps the window's threads waiting too."""
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def sees(self, name: str, kind: type[W] = QWidget, text: str | None = None) -> list[W]:  # type: ignore[assignment]
        """Every visible widget called `name`, the newest window first."""
        tops = sorted(QApplication.topLevelWidgets(), key=lambda top: top is self.window)
        found = [each for top in tops if top.isVisible() for each in _widgets(top, kind, name)]
        return [each for each in found if text is None or _words(each) == text]

    def find(self, name: str, kind: type[W] = QWidget) -> W:  # type: ignore[assignment]
        """The visible widget called `name`; waits for it."""
        self.until(lambda: self.sees(name, kind), f"a {kind.__name__} called {name} is seen")
        return self.sees(name, kind)[0]

    def read(self, name: str) -> str:
        """What the label called `name` says."""
        return _words(self.find(name))

    def number(self, name: str) -> float:
        """The number that the label called `name` shows."""
        return float(self.read(name).replace(",", ""))

    def steady(self, name: str) -> QWidget:
        """The visible widget called `name`, once it stands still: a form moves when a problem is told above it."""
        places = [None] * STILL

        def still() -> bool:
            widget = self.find(name)
            places.append((widget, widget.mapToGlobal(QPoint())))  # type: ignore[arg-type]
            return all(place == places[-1] for place in places[-STILL:])

        self.until(still, f"{name} stands still")
        return self.find(name)

    def picture(self, stage: str) -> None:
        """Keep a picture of the window and of what is open over it, where a folder for them is named."""
        if self._pictures is None:
            return
        self.rest(120)
        self._taken += 1
        self._pictures.mkdir(parents=True, exist_ok=True)
        tops = [each for each in QApplication.topLevelWidgets() if each.isVisible()]
        for place, top in enumerate(sorted(tops, key=lambda top: top is not self.window)):
            top.grab().save(
                str(self._pictures / f"{self._taken:02d}{'' if not place else f'.{place}'} {stage}.png")
            )

    # ---- the mouse

    def click(
        self,
        what: QWidget | str,
        at: QPoint | None = None,
        keys: Qt.KeyboardModifier = NONE,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
        double: bool = False,
    ) -> None:
        """Press and let go on a widget, at its middle or at a place of it."""
        widget = self.find(what) if isinstance(what, str) else what
        self._bring_in_sight(widget)
        place = at if at is not None else widget.rect().center()
        self._check_reachable(widget, place)
        top, there = widget.window(), widget.mapTo(widget.window(), place)
        QCursor.setPos(widget.mapToGlobal(place))
        press = QTest.mouseDClick if double else QTest.mouseClick
        press(top.windowHandle(), button, keys, there)
        self.rest()

    def _tap(self, place: QPoint) -> None:
        """Press and let go at a place of the screen, on whatever has popped up there."""
        handle = QGuiApplication.topLevelAt(place)
        QCursor.setPos(place)
        QTest.mouseClick(handle, Qt.MouseButton.LeftButton, NONE, handle.mapFromGlobal(place))
        self.rest()

    def drag(self, start: QPoint, end: QPoint, let_go: bool = True) -> None:
        """Press at `start`, move in steps to `end`, let go; places of the screen over the main window."""
        handle, left = self.window.windowHandle(), Qt.MouseButton.LeftButton
        QCursor.setPos(start)
        QTest.mousePress(handle, left, NONE, self.window.mapFromGlobal(start))
        for step in range(1, 9):
            place = start + (end - start) * step / 8
            QCursor.setPos(place)
            QTest.mouseMove(handle, self.window.mapFromGlobal(place))
            self.rest(8)
        if let_go:
            QTest.mouseRelease(handle, left, NONE, self.window.mapFromGlobal(end))
        self.rest()

    def scroll(self, widget: QWidget, notches: int) -> None:
        """Turn the wheel over a widget; down is positive."""
        top = widget.window()
        place = widget.mapTo(top, widget.rect().center())
        QTest.wheelEvent(top.windowHandle(), QPointF(place), QPoint(0, -notches * NOTCH))
        self.rest(20)

    def _check_reachable(self, widget: QWidget, place: QPoint) -> None:
        name = widget.objectName() or type(widget).__name__
        assert widget.isVisible(), f"{name} is not visible"
        assert widget.isEnabled(), f"{name} is greyed out"
        top = widget.window()
        hit = top.childAt(widget.mapTo(top, place)) or top
        related = hit is widget or widget.isAncestorOf(hit)
        assert related, f"{name} is covered by {hit.objectName() or type(hit).__name__} or out of sight"

    def _bring_in_sight(self, widget: QWidget) -> None:
        """Turn the wheel over the area that holds a widget until its middle can be seen."""
        area = _area_of(widget)
        for _ in range(80):
            if area is None:
                return
            middle = widget.mapTo(area, widget.rect().center()).y()
            if 0 <= middle < area.height():
                return
            self.scroll(area, 1 if middle >= area.height() else -1)

    # ---- the keyboard

    def press(self, key: Qt.Key, keys: Qt.KeyboardModifier = NONE, times: int = 1) -> None:
        """Press a key in whatever has the keyboard."""
        for _ in range(times):
            QTest.keyClick(self._keyboard(), key, keys)
        self.rest()

    def type(self, text: str) -> None:
        """Type text, with Return at the ends of lines."""
        for letter in text:
            if letter == "\n":
                QTest.keyClick(self._keyboard(), Qt.Key.Key_Return)
            else:
                QTest.keyClicks(self._keyboard(), letter)
        self.rest()

    def write(self, what: QWidget | str, text: str) -> None:
        """Click into a line, replace what is in it, and press Return."""
        widget = self.steady(what) if isinstance(what, str) else what
        self.click(widget)
        self.press(Qt.Key.Key_A, CONTROL)
        self.type(text)
        self.press(Qt.Key.Key_Return)

    def _keyboard(self) -> QWidget:
        """What has the keyboard now."""
        popup = QApplication.activePopupWidget()
        if popup is not None:
            return popup.focusWidget() or popup
        self._manage_windows()
        return QApplication.focusWidget() or QApplication.activeWindow() or self.window

    def _manage_windows(self) -> None:
        """Do what a window manager does: a window has the keyboard again when what was open over it has closed."""
        top = QApplication.activeModalWidget() or self.window

        def active() -> bool:
            if QApplication.activeWindow() is None:
                top.activateWindow()
            return QApplication.activeWindow() is not None

        self.until(active, f"{top.windowTitle()} is active")

    # ---- menus, tabs, dialogs

    def choose(self, typed: str, label: str | None = None) -> None:
        """Type into the menu that is open and take the marked line, which must be called `label`."""
        menu = self.find("searchMenuLine", QLineEdit).window()
        assert isinstance(menu, SearchMenu)
        self.type(typed)
        marked = menu.list.currentIndex().data()
        assert label is None or marked == label, (
            f"{marked} is marked among {menu.shown_labels()}, not {label}"
        )
        self.press(Qt.Key.Key_Return)

    def pick(self, name: str, label: str) -> None:
        """Choose `label` in the inspector's row `name`: from a list that drops down, or from a menu one types into."""
        control = self.steady(f"edit_{name}_control")
        self.click(control)
        self.until(QApplication.activePopupWidget, f"the choices of {name} are open", 5)
        if isinstance(control, QComboBox):
            self.rest(UNTIL_LISTS_TAKE_CLICKS)
            view = control.view()
            index = view.model().index(control.findText(label), 0)
            self._tap(view.viewport().mapToGlobal(view.visualRect(index).center()))
        else:
            self.choose(label, label)

    def take(self, menu: str, *path: str) -> None:
        """Choose an action from the menu bar with the mouse."""
        bar = self.window.menuBar()
        action = _action(bar.actions(), menu)
        self.click(bar, bar.actionGeometry(action).center())
        for words in path:
            opened = QApplication.activePopupWidget()
            assert isinstance(opened, QMenu), f"the menu {menu} did not open"
            action = _action(opened.actions(), words)
            assert action.isEnabled(), f"{words} is greyed out"
            self.click(opened, opened.actionGeometry(action).center())

    def tab(self, title: str) -> None:
        """Show the tab called `title`, of docks or of a panel."""
        for bar in self.sees("", QTabBar):
            for index in range(bar.count()):
                if bar.tabText(index).replace("&", "") == title:
                    self.click(bar, bar.tabRect(index).center())
                    return
        raise AssertionError(f"no tab is called {title}")

    def button(self, text: str) -> QAbstractButton:
        """The visible button that says `text`."""
        self.until(lambda: self.sees("", QAbstractButton, text), f"a button {text} is seen")
        return self.sees("", QAbstractButton, text)[0]

    @contextmanager
    def answering(self, what: Callable[[], object], seconds: float = PATIENCE) -> Iterator[None]:
        """Do `what` when a dialog opens in the block: what opens one comes back only when it is closed."""
        end, errors, answered = time.monotonic() + seconds, list[Exception](), list[bool]()

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if dialog is None and time.monotonic() < end:
                QTimer.singleShot(20, look)
            elif dialog is not None:
                answered.append(True)
                try:
                    what()
                except Exception as error:  # raised where the block ends; here Qt would swallow it
                    errors.append(error)
                if dialog.isVisible():
                    dialog.close()

        QTimer.singleShot(20, look)
        self._expecting += 1
        try:
            yield
        finally:
            self._expecting -= 1
        assert answered, "no dialog has opened"
        if errors:
            raise errors[0]


def _widgets(top: QWidget, kind: type[W], name: str) -> list[W]:
    found = [top] if isinstance(top, kind) and top.objectName() == name else []
    found += top.findChildren(kind, name) if name else top.findChildren(kind)
    return [each for each in found if each.isVisible()]


def _words(widget: QWidget) -> str:
    return widget.text().replace("&", "") if isinstance(widget, QLabel | QAbstractButton | QLineEdit) else ""


def _action(actions: Sequence[QAction], words: str) -> QAction:
    found = next((each for each in actions if each.text().replace("&", "").split("\t")[0] == words), None)
    assert found is not None, f"{words} is not among {[each.text() for each in actions]}"
    return found


def _area_of(widget: QWidget) -> QWidget | None:
    """The viewport that a widget scrolls in."""
    part = widget
    while not part.isWindow():
        outer = part.parentWidget()
        if isinstance(outer, QScrollArea) and part is not widget:
            return part
        part = outer
    return None
