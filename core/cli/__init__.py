"""The headless twin: everything the window does to a project, as commands that need no display.

Exit codes are the same for every command: 0 fine, 1 the answer is no (blocking problems, a failed or stopped
run, numbers that differ), 2 something could not be read or written or was asked wrongly.
"""

from collections.abc import Sequence

VERBS = ("templates", "new", "schema", "check", "train", "resume", "history", "export", "verify")
"""The words that make `lossmith` a command; anything else opens the window."""


def is_for_us(arguments: Sequence[str]) -> bool:
    """Whether these arguments are a command of this package rather than something for the window."""
    return bool(arguments) and arguments[0] in (*VERBS, "--help", "-h", "--version")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    from core.cli.app import run  # typer and rich are loaded only when there is a command

    return run(arguments)


__all__ = ["VERBS", "is_for_us", "main"]
