"""Start Lossmith with nothing but Python: sets `.venv` up from the lock file where needed, then runs it.

    python3 scripts/run.py               the window, with a demo project on real data
    python3 scripts/run.py FILE          the window, with that project
    python3 scripts/run.py VERB ...      the headless commands: train, check, export, verify ... (see --help)

This file is written so that any Python can at least read it and say what is wrong.
"""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    import os
    import shutil

    for name in ("python3.11", "python3.12", "python3.13"):
        if hasattr(shutil, "which") and shutil.which(name):
            os.execv(shutil.which(name), [name] + sys.argv)  # noqa: RUF005 (old Pythons read this)
    sys.exit(
        "Lossmith needs Python 3.11, 3.12 or 3.13: install one of them and start this with it, "
        "for example `python3.11 " + sys.argv[0] + "`."
    )

import environment


def main():
    python = environment.python()
    environment.replace_by([python, "-P", "-m", "gui.entry", *(sys.argv[1:] or ["--demo"])])


if __name__ == "__main__":
    main()
