"""The door of Lossmith: `lossmith [FILE]` opens the window, `lossmith VERB ...` runs a command.

Commands are handed to `core.cli` before anything of Qt is imported, so that they work where no Qt can.
"""

import argparse
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core import cli

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from gui.window import Window


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code: 2 when no window can open here."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if cli.is_for_us(given):
        return cli.main(given)
    options = _options(given)
    from gui import display

    if options.screenshot:
        display.prefer_offscreen()
    reason = display.why_not()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    return _open_window(options)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lossmith",
        add_help=False,
        epilog=f"Without a display: lossmith {' | '.join(cli.VERBS)} (lossmith --help says more).",
    )
    parser.add_argument("file", nargs="?", type=_project, help="a project file, or a template's name")
    parser.add_argument("--demo", action="store_true", help="open the demo project")
    parser.add_argument(
        "--screenshot", type=Path, metavar="PNG", help="write a picture of the window and end"
    )
    parser.add_argument("--train", action="store_true", help="train at once; a picture is taken at the end")
    parser.add_argument("--theme", choices=("light", "dark"))
    parser.add_argument("--lang", metavar="CODE", help="the language, as in zh_CN")
    parser.add_argument("--size", type=_size, metavar="WIDTHxHEIGHT")
    options = parser.parse_args(arguments)
    if options.train and not (options.file or options.demo):
        parser.error("--train needs a project file")
    return options


def _project(text: str) -> Path:
    from core.project.templates import templates

    path = Path(text)
    if path.is_file():
        return path
    shipped = {one.name: one.path for one in templates()}
    if text in shipped:
        return shipped[text]
    raise argparse.ArgumentTypeError(f"{text} is no file, no template and no command")


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{3,5})x(\d{3,5})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is no size like 1600x1000")
    return int(found[1]), int(found[2])


def _open_window(options: argparse.Namespace) -> int:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    window = open_window(options)
    QTimer.singleShot(0, lambda: _begin(window, options))
    return QApplication.exec()


def open_window(options: argparse.Namespace) -> "Window":
    """Make the application and its window, and show it; its engine is warmed once it is on screen."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from gui import pace, theme
    from gui.complaints import Complaints
    from gui.settings import Settings
    from gui.window import Window
    from gui.workbench import Workbench

    app = QApplication(sys.argv[:1])
    app.setApplicationName("Lossmith")
    app.setDesktopFileName("lossmith")
    _speak(app, options.lang)
    settings = Settings()
    theme.use(app, options.theme or settings.theme, settings.scale)
    window = Window(Workbench(settings=settings))
    sys.excepthook = Complaints(window.banner)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if options.size:
        window.resize(*options.size)
    pace.share_quickly()
    window.panels_made.connect(pace.settle_down)
    window.show()
    QTimer.singleShot(0, window.bench.training.start)
    return window


def _begin(window: "Window", options: argparse.Namespace) -> None:
    """Open what was asked for, once the window is there."""
    _open_project(window, options)
    if options.train:
        from gui.photograph import when_checked

        when_checked(window, window.press_train)
    if options.screenshot:
        from gui.photograph import Photograph

        Photograph(window, options.screenshot, after_training=options.train)


def _open_project(window: "Window", options: argparse.Namespace) -> None:
    from core.project.templates import DEMO, template, templates

    shipped = next((one for one in templates() if one.path == options.file), None)
    if options.demo and options.file is None:
        shipped = template(DEMO)
    if shipped is not None:
        window.bench.files.new_from(shipped)
    elif options.file is not None:
        window.bench.files.open(options.file)


def _speak(app: "QApplication", language: str | None) -> None:
    """Install the translation for `language`; English is built in."""
    if language is None or language.startswith("en"):
        return
    from PySide6.QtCore import QTranslator

    folder = Path(__file__).resolve().parents[1] / "resources" / "translations"
    translator = QTranslator(app)
    if translator.load(f"lossmith_{language}", str(folder)):
        app.installTranslator(translator)
    else:
        print(f"There is no translation for {language} yet; the window speaks English.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
