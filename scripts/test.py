"""Run the whole test suite with nothing but Python: sets `.venv` up where needed. Needs no screen.

    python3 scripts/test.py              everything
    python3 scripts/test.py tests/core   what pytest is told

Tests of one file stay in one process, so that few processes pay the seconds that TensorFlow takes to import.
"""

import os
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        "Lossmith needs Python 3.11, 3.12 or 3.13, and this is {}.{}: start this with one of them.".format(
            *sys.version_info[:2]
        )
    )

import environment


def main():
    python = environment.python()
    os.chdir(environment.ROOT)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    workers = str(max(1, min(4, os.cpu_count() or 1)))
    environment.replace_by([python, "-m", "pytest", "-n", workers, "--dist", "loadfile", *sys.argv[1:]])


if __name__ == "__main__":
    main()
