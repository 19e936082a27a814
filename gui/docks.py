"""The panels and where they stand: docks around the model that move, float, and are found where they were."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDockWidget, QFrame, QMainWindow, QTabBar, QTabWidget, QVBoxLayout, QWidget

from gui import theme
from gui.settings import Settings
from gui.widgets.card import Header
from gui.workbench import Workbench

AREA = Qt.DockWidgetArea
LAYOUT_VERSION = 1
STATE_KEY = "docks"
NARROW, MOST_BROAD = 1280, 1.35
"""The sides take the widths below in a narrow window, and up to so many times that in a broad one."""
SIDES = {"data": 272, "inspector": 304}
CHARTS_AT_FIRST, CHARTS, LEAST_CHARTS, MOST_TERMS = 0.27, 0.345, 180, 0.24
"""Shares of the window's height; LEAST_CHARTS in pixels."""
TERMS_HEAD, TERM_ROW = 78, 30


@dataclass(frozen=True)
class Place:
    """A panel and where it stands at first; the `tabbed` ones share a place."""

    key: str
    title: str
    area: AREA
    make: Callable[[Workbench], QWidget]
    tabbed: bool = False


class Docks(QMainWindow):
    """The central panel, which the first place names, and the docks around it."""

    def __init__(self, bench: Workbench, places: tuple[Place, ...], panels: Mapping[str, QWidget]):
        super().__init__(None, Qt.WindowType.Widget)
        self._bench = bench
        places, centre = places[1:], panels[places[0].key]
        self._places, self._as_it_was = places, False
        self._given: tuple[int, ...] | None = None
        self.setDockOptions(
            self.DockOption.AllowNestedDocks
            | self.DockOption.AllowTabbedDocks
            | self.DockOption.GroupedDragging
            | self.DockOption.AnimatedDocks
        )
        self.setTabPosition(AREA.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        for corner in (Qt.Corner.BottomLeftCorner, Qt.Corner.BottomRightCorner):
            self.setCorner(corner, AREA.BottomDockWidgetArea)
        self._canvas, self.centre = centre, framed(centre)
        self.setCentralWidget(self.centre)
        self.docks = {place.key: _Dock(place, panels[place.key], self) for place in places}
        self.put_back()

    def panel(self, key: str) -> QWidget | None:
        """The panel called `key`, if it is a dock."""
        dock = self.docks.get(key)
        return dock.panel if dock else None

    def show_panel(self, key: str) -> None:
        """Bring the panel to the front and give it the keyboard."""
        dock = self.docks.get(key)
        if dock is None:
            self._canvas.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return
        dock.show()
        dock.raise_()
        dock.panel.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def put_back(self) -> None:
        """Every panel where it stands at first."""
        below: QDockWidget | None = None
        first = self.docks[_first_tab(self._places)]
        for place in self._places:
            dock = self.docks[place.key]
            dock.setFloating(False)
            dock.show()
            if place.area != AREA.BottomDockWidgetArea or below is None:
                self.addDockWidget(place.area, dock)
            elif place.tabbed and dock is not first:
                self.tabifyDockWidget(below, dock)
            else:
                self.splitDockWidget(below, dock, Qt.Orientation.Vertical)
            below = dock if place.area == AREA.BottomDockWidgetArea else below
        self.first_sizes()
        self.docks[_first_tab(self._places)].raise_()

    def remember(self, settings: Settings) -> None:
        """Keep where the panels are, if anybody has seen and moved them; else they go on following the project."""
        if not self._as_it_was or self._as_given():
            return
        settings.keep(STATE_KEY, self.saveState(LAYOUT_VERSION))

    def restore(self, settings: Settings) -> None:
        """Put the panels where they were when the window was last closed; at first, where they belong."""
        kept = settings.blob(STATE_KEY)
        self._as_it_was = bool(kept) and self.restoreState(QByteArray(kept), LAYOUT_VERSION)
        self._given = () if self._as_it_was else None

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Sizes can be given only once there is a window to give them in."""
        super().showEvent(event)
        if not self._as_it_was:
            self._as_it_was = True
            self.settle()

    def settle(self) -> None:
        """Give another project the room it wants, unless the user has given the panels theirs; once Qt has
        placed the panels, because it forgets sizes that it gets before.
        """
        QTimer.singleShot(0, self, self._settle)

    def _settle(self) -> None:
        if self.isVisible() and (self._given is None or self._as_given()):
            self.first_sizes()
            QTimer.singleShot(0, self, self._note_sizes)
            QTimer.singleShot(0, self, self.fit)

    def _note_sizes(self) -> None:
        self._given = self._sizes()

    def _as_given(self) -> bool:
        """Whether the sizes are still those given here; a status line that grows by a pixel is no user."""
        given, found = self._given or (), self._sizes()
        near = (abs(one - other) <= theme.px(theme.GAP_S) for one, other in zip(given, found, strict=False))
        return len(given) == len(found) and all(near)

    def _sizes(self) -> tuple[int, ...]:
        """How large what can be seen is, and, as numbers far apart, what was closed or set afloat."""
        docks = self.docks.values()
        seen = [dock for dock in docks if not dock.visibleRegion().isEmpty()]
        states = (1000 * (dock.toggleViewAction().isChecked() + 2 * dock.isFloating()) for dock in docks)
        return (*states, *(size for dock in seen for size in dock.size().toTuple()))

    @property
    def panels(self) -> list[QWidget]:
        """The canvas and every panel."""
        return [self._canvas, *(dock.panel for dock in self.docks.values())]

    def fit(self) -> None:
        """Show the whole graph."""
        fit = getattr(self._canvas, "fit", None)
        if callable(fit):
            fit()

    def name_tabs(self) -> None:
        """Qt makes the tab bars of docks itself; let them look and speak like ours."""
        for bar in self.findChildren(QTabBar):
            bar.setDocumentMode(True)
            bar.setExpanding(False)
            bar.setDrawBase(False)
            bar.setAccessibleName("Panels")

    def first_sizes(self) -> None:
        """Give each panel its share of the room; the charts get a third of the height."""
        wide, high = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        across = [self.docks[key] for key in SIDES]
        broad = min(MOST_BROAD, max(1.0, self.window().width() / theme.px(NARROW)))
        self.resizeDocks(across, [round(theme.px(width) * broad) for width in SIDES.values()], wide)
        charts = max(round(CHARTS_AT_FIRST * self.window().height()), theme.px(LEAST_CHARTS))
        rows = theme.px(TERMS_HEAD + TERM_ROW * (1 + max(2, len(self._bench.document.project.terms))))
        terms = min(rows, round(MOST_TERMS * self.window().height()))
        down = [self.docks["terms"], self.docks[_first_tab(self._places)]]
        self.resizeDocks(down, [terms, charts], high)

    def make_room_for_charts(self) -> None:
        """While training the charts have at least a third of the window."""
        dock = self.docks[_first_tab(self._places)]
        wanted = round(CHARTS * self.window().height())
        if not dock.isFloating() and dock.height() < wanted:
            ours = self._as_given()
            self.resizeDocks([dock], [wanted], Qt.Orientation.Vertical)
            if ours:
                QTimer.singleShot(0, self, self._note_sizes)


class _Dock(QDockWidget):
    """A panel under a header that is grabbed to move it: the panel's own `header`, or its title.

    Tabs carry their title, so panels in tabs have no header while they are docked.
    """

    def __init__(self, place: Place, panel: QWidget, parent: QWidget):
        super().__init__(place.title, parent)
        self.setObjectName(f"dock_{place.key}")
        self.panel = panel
        header = None if place.tabbed else getattr(panel, "header", None) or Header(place.title)
        self.setWidget(framed(panel, open_above=header is not None))
        self.setTitleBarWidget(_Title(header) if header is not None else QWidget(self))
        if place.tabbed:
            self.topLevelChanged.connect(lambda _floats: QTimer.singleShot(0, self, self._dress))

    def _dress(self) -> None:
        """Afloat, a panel out of the tabs needs a title to be moved by."""
        self.setTitleBarWidget(None if self.isFloating() else QWidget(self))  # type: ignore[arg-type]


class _Title(QWidget):
    """Holds a header as the title of a dock, exactly as high as the header wants to be."""

    def __init__(self, header: QWidget):
        super().__init__()
        self._header = header
        self.setObjectName("dockHeader")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 0)
        column.addWidget(header)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(super().sizeHint().width(), self._header.maximumHeight() + 1)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(theme.px(80), self._header.maximumHeight() + 1)


def framed(panel: QWidget, open_above: bool = False) -> QFrame:
    """`panel` on a surface with a border; the header above closes it where it is `open_above`."""
    frame = QFrame()
    frame.setObjectName("dockBody" if open_above else "card")
    frame.setFocusProxy(panel)
    column = QVBoxLayout(frame)
    column.setContentsMargins(1, 0 if open_above else 1, 1, 1)
    column.addWidget(panel)
    return frame


def _first_tab(places: tuple[Place, ...]) -> str:
    return next(place.key for place in places if place.tabbed)
