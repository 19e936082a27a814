"""The script: the Python program that a run executes and a user takes away.

It is put together from pieces that each know one subject, written as one would by hand, then formatted;
the marks in it turn into line ranges, so that a window can show which lines a node is about.
"""

import functools
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruff import find_ruff_bin

from core.codegen import fitting, model
from core.codegen.code import VERBATIM, Code, Lines, join, mark, unmark
from core.codegen.fitting import Changes
from core.codegen.quoting import docstring, literal
from core.codegen.rows_code import from_disk, from_memory, streamed
from core.codegen.terms import Terms
from core.codegen.wiring import Wiring
from core.project.facts import DataFacts
from core.project.schema import FrozenMap, Project

LINE_LENGTH = 100
NO_CHANGES = Changes()
FUNCTIONS = f"{VERBATIM}functions"
"""Where the project's own Python goes, after formatting: it is the user's text, and stays as it is."""
RUN = 'if __name__ == "__main__":\n    train()'


@dataclass(frozen=True)
class Script:
    """A program, and by reference the 1-based inclusive ranges of the lines about a part of the project."""

    text: str
    lines: Mapping[str, tuple[tuple[int, int], ...]]


def script(
    project: Project,
    *,
    folder: Path,
    out: Path,
    facts: DataFacts | None = None,
    changes: Changes = NO_CHANGES,
) -> Script:
    """Return the script of `project`, to be written to `out`; relative data paths start from `folder`.

    `changes` are weights and rates that were set during a run, so that the script trains as the run did.
    Raises CannotGenerate, with the part in the way, where the project is not complete.
    """
    constants, pieces = parts(project, folder, out, facts, changes)
    return assembled(project, constants, [*pieces, Code(RUN)])


def parts(
    project: Project, folder: Path, out: Path, facts: DataFacts | None, changes: Changes = NO_CHANGES
) -> tuple[Code, list[Code]]:
    """Return the constants of a script, and its functions and classes one subject a piece."""
    wiring = Wiring(project)
    terms = Terms(wiring)
    streams = streamed(project, folder)
    reading = from_disk if streams else from_memory
    opened, batches = reading(wiring, active(wiring), folder, out, facts)
    pieces = [
        opened,
        model.build_model(wiring),
        Code(FUNCTIONS if project.functions.strip() else ""),
        terms.losses(),
        terms.model_class(),
        batches,
        fitting.changing(changes),
        fitting.compile_model(wiring),
        fitting.prediction_model(wiring),
        fitting.train(wiring, changes, streams),
    ]
    return join([*constants_of(project), terms.weights()]), pieces


def assembled(project: Project, constants: Code, pieces: Iterable[Code]) -> Script:
    """Put a docstring, imports, constants and pieces together, formatted."""
    whole = join([constants, *pieces], "\n\n\n")
    lines = tidied(project, "\n\n".join([_docstring(project), *import_blocks(whole.imports), whole.text]))
    return Script(lines.text, FrozenMap(lines.ranges))


def tidied(project: Project, text: str) -> Lines:
    """Format `text`, take its marks out, and put the project's own Python in its place."""
    functions = "\n".join(project.functions.strip("\r\n").splitlines())
    return unmark(formatted(text), {"functions": functions})


def active(wiring: Wiring) -> Project:
    """Return the project with only the inputs, terms and metrics that the script uses: no more is loaded."""
    model = wiring.project.model
    inputs = FrozenMap({name: model.inputs[name] for name in wiring.used_inputs})
    return wiring.project.model_copy(
        update={
            "model": model.model_copy(update={"inputs": inputs}),
            "terms": FrozenMap(wiring.terms),
            "metrics": FrozenMap(wiring.metrics),
        }
    )


@functools.lru_cache(maxsize=32)
def formatted(text: str) -> str:
    """Return `text` as ruff formats it, whatever settings lie around."""
    command = [find_ruff_bin(), "format", "--isolated", "--line-length", str(LINE_LENGTH), "-"]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"the script is no Python: {done.stderr}")
    return done.stdout


def _docstring(project: Project) -> str:
    first = docstring(project.name or "Untitled").removesuffix('"""')
    says = "Run it to train; it writes history.csv, model.keras and predict.keras beside itself."
    return f'{first}\n\n{says}\n"""'


def import_blocks(lines: Iterable[str]) -> list[str]:
    """Return import lines in two blocks, the standard library first, each sorted; one line a module."""
    merged = _merged({*lines, "import keras", "from pathlib import Path"})
    own = [line for line in merged if line.split()[1].partition(".")[0] in sys.stdlib_module_names]
    return ["\n".join(block) for block in (own, [line for line in merged if line not in own]) if block]


def _merged(lines: Iterable[str]) -> list[str]:
    """Sort import lines; names imported from one module come on one line."""
    plain: list[str] = []
    names: dict[str, list[str]] = {}
    for line in sorted(lines):
        if line.startswith("from "):
            module, _, imported = line.removeprefix("from ").partition(" import ")
            names[module] = sorted({*names.get(module, []), *imported.split(", ")})
        else:
            plain.append(line)
    return [*plain, *(f"from {module} import {', '.join(names[module])}" for module in sorted(names))]


def constants_of(project: Project) -> list[Code]:
    """Return the constants that every style of script starts with."""
    training = project.training
    numbers = f"EPOCHS = {literal(training.epochs)}\nBATCH_SIZE = {literal(training.batch_size)}"
    return [
        Code("HERE = Path(__file__).parent", ("from pathlib import Path",)),
        Code(f"SEED = {literal(project.seed)}"),
        Code(mark("training", numbers)),
    ]
