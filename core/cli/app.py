"""The commands and their help. Each is a few lines: it opens what it is given and hands over."""

import importlib.metadata
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from core.cli.opening import Refused, opened, run_folder
from core.cli.output import print_json, says
from core.project import storage
from core.project import templates as shipped
from core.project.writing import unwritable, why

HELP = """Compose multi-output Keras models and their losses, train them, and take the script away.

Without a command this opens the window: `lossmith [FILE]`, with `--screenshot PNG`, `--train`, `--theme
light|dark`, `--lang CODE`, `--size WIDTHxHEIGHT`. The commands below need no display.

Exit codes of all commands: 0 fine; 1 the answer is no; 2 something cannot be read, written or understood.
"""

app = typer.Typer(
    name="lossmith",
    help=HELP,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

What = Annotated[
    str, typer.Argument(metavar="FILE|RUN", help="A project file, a run folder, or a run's name.")
]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="A project file (or a run, to train its project again).")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or the name of a run.")]
Epochs = Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Train that many epochs instead.")]
Resumed = Annotated[
    int | None, typer.Option(min=1, max=1_000_000, help="Epochs to have in the end, with those it has.")
]
Rate = Annotated[float | None, typer.Option(min=0.0, help="Go on with that learning rate.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, as described above.")]
Afresh = Annotated[bool, typer.Option("--afresh", help="Train the run again from its very start.")]
Trust = Annotated[bool, typer.Option("--trust", help="Run the Python code that the project brings along.")]


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what goes wrong is a sentence, never a traceback."""
    try:
        app(args=list(arguments), prog_name="lossmith")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Refused as refused:
        says.print(str(refused), markup=False, soft_wrap=True)
        return refused.code
    except Exception as error:
        says.print(_unexpected(error), markup=False, soft_wrap=True)
        return 2
    return 0


def _unexpected(error: Exception) -> str:
    """The sentence for an error nobody foresaw; its traceback goes to a file."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="lossmith-", suffix=".txt", delete=False) as file:
            traceback.print_exception(error, file=file)
        details = f"the details are in {file.name}"
    except OSError as full:
        place = Path(tempfile.gettempdir())
        details = f"the details cannot be written to {place}: {why(place, full)}"
    return f"Lossmith made a mistake: {type(error).__name__}: {error} ({details})."


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"lossmith {_version()}")
        raise typer.Exit


def _version() -> str:
    try:
        return importlib.metadata.version("lossmith")
    except importlib.metadata.PackageNotFoundError:  # run from its folder, not installed
        import tomllib

        file = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return str(tomllib.loads(file.read_text("utf-8"))["project"]["version"])


@app.command()
def templates(as_json: Json = False) -> None:
    """List the projects that ship with Lossmith.

    JSON: a list of objects with `name`, `title`, `sentence`, `idea` and `seconds` (training time on two
    cores).
    """
    if as_json:
        print_json([vars(one) for one in shipped.templates()])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what it does", "idea", "seconds"):
        table.add_column(heading)
    for one in shipped.templates():
        table.add_row(one.name, one.sentence, one.idea, str(one.seconds))
    Console(highlight=False).print(table)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="A template; `lossmith templates` lists them.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to write the project.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a project made from a template; the table it reads is put beside it."""
    if out.exists() and not force:
        raise Refused(f"{out} is there already: choose another name, or replace it with --force.")
    try:
        shipped.write(shipped.template(name), out)
    except shipped.UnknownTemplate as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(unwritable(out, error)) from error
    print(out)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the project file."""
    print_json(storage.json_schema())


@app.command()
def check(
    file: What,
    as_json: Json = False,
    keras: Annotated[
        bool, typer.Option("--keras", help="Ask Keras about shapes too; takes seconds.")
    ] = False,
    trust: Trust = False,
) -> None:
    """Say what is wrong or doubtful in a project. Exit code 0 fine, 1 blocking problems, 2 unreadable.

    JSON: an object with `file`; `problems`, a list of objects with `code`, `severity` (blocking, warning or
    hint), `where` (as in layer:trunk), `message` and `fix` (what a fix would do, or null); and the counts
    `blocking`, `warning` and `hint`.
    """
    from core.cli import checking

    raise typer.Exit(checking.check(opened(file), file, as_json=as_json, keras=keras, trusted=trust))


@app.command()
def train(
    file: File,
    runs: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the run folder goes.")] = None,
    epochs: Epochs = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Train a project. Ctrl+C stops it in order. Exit code 0 done; 1 failed, stopped or not allowed; 2
    unreadable.

    The last line of the output is the run folder. JSON: one object a line, with `event`: `run` (run); `phase`
    (phase, sentence); `progress` (epoch, epochs, step, steps, speed, seconds_left); `epoch` (epoch, step,
    seconds, train, validation: means by total, regularization, term:NAME and metric:NAME); `trouble`
    (sentence, where, details); `silence` (no step for `seconds`; sentence, where, line); and last `outcome`
    (status: done, stopped, failed or killed; sentence, where, line, details, run).

    A run whose weights are lost to NaN or infinity fails. Its `outcome`, and a `trouble` where they are not lost, has
    in `bad` what went bad first: step, epoch, cause (input, target, layer, term, regularization, gradient, update or
    unknown), kind (nan or infinite), where, layer, terms, heads, formula, line, rows (at most ten of the row_count of
    the batch, numbered from 1 in `source`), batch, batch_size, values, diverged, ended, kept_epoch, kept_step,
    validation, note. The `outcome` then has `remedies`, a list of what helps; without --json they are printed.
    """
    from core.cli import training

    what = opened(file).with_epochs(epochs)
    _, outcome = training.train(what, runs, training.listener(as_json), trust)
    raise typer.Exit(training.EXIT[outcome.status])


@app.command()
def resume(
    run: Run,
    epochs: Resumed = None,
    rate: Rate = None,
    afresh: Afresh = False,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Let a run go on to its end: one that was stopped, failed or was killed; or a paused one.

    It goes on after its last whole epoch that a checkpoint was kept of, and has the numbers that it would have
    had without the interruption, unless --rate sets another learning rate from there on, as helps one that ended
    of NaN or infinity. A run that is done goes on with --epochs only. One whose checkpoint or record is damaged, or
    whose data have changed, does not go on; --afresh trains it from its start. Output and exit codes as of
    `train`; 1 also when it cannot go on, with the reason.
    """
    from core.cli import training

    if afresh:
        training.begin_again(run_folder(run))
    outcome = training.resume(run_folder(run), epochs, rate, training.listener(as_json), trust)
    raise typer.Exit(training.EXIT[outcome.status])


@app.command()
def history(
    run: Run,
    steps: Annotated[bool, typer.Option("--steps", help="Every step instead of every epoch.")] = False,
    form: Annotated[str, typer.Option("--format", metavar="csv|json", help="How to print it.")] = "csv",
) -> None:
    """Print what a run recorded: total, regularization, and each term raw and weighted.

    Columns: an epoch has `epoch`, `step` and `seconds` at its end, `total`, `regularization`, `term:NAME`,
    `weighted:NAME`, `metric:NAME`, and with `val_` in front the same of the validation rows. A step has
    `step`, `total`, `regularization`, `term:NAME`, `weight:NAME` and `weighted:NAME`; total = regularization
    + the sum of the weighted terms. JSON: an object with `run`, `status`, `sentence` (how it ended), `damage`
    (null, or a sentence where the record can be read only in part) and `epochs` or `steps`, a list of objects
    with these keys; a value that is no number is null.
    """
    from core.cli.histories import print_history

    if form not in ("csv", "json"):
        raise Refused(f'--format is csv or json, not "{form}".')
    print_history(run_folder(run), steps=steps, form=form)


@app.command()
def export(
    file: What,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="The file to write.")],
    style: Annotated[
        str, typer.Option("--as", metavar="script|compile|notebook", help="What to write.")
    ] = "script",
) -> None:
    """Write the script of a project or run, its plain `compile(loss={...})` style where one exists, or a
    notebook.

    Exit code 0 written, 1 it cannot be generated so (with the reason), 2 unreadable or not writable.
    """
    from core.cli.exporting import Style
    from core.cli.exporting import export as write

    if style not in list(Style):
        raise Refused(f'--as is script, compile or notebook, not "{style}".')
    write(opened(file), out, Style(style))
    print(out)


@app.command()
def verify(file: What, epochs: Epochs = None, trust: Trust = False) -> None:
    """Run the script in a fresh process and print its largest relative difference from the run.

    A project is trained first; a run is compared as it is. Exit code 0 within 1e-6 (in Turbo 1e-3), 1 not, 2
    unreadable.
    """
    from core.cli import verifying

    found = verifying.verify(opened(file), epochs, trust)
    print(f"largest relative difference {found.difference:.3g} ({found.where})")
    says.print(f"{found.numbers:,} numbers of {found.epochs} epochs compared.", markup=False)
    raise typer.Exit(0 if found.same else 1)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
