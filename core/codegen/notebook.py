"""The script as a notebook: the same pieces, one cell each, trained by the last cell."""

from pathlib import Path

from nbformat import v4

from core.codegen.code import Code
from core.codegen.fitting import Changes
from core.codegen.script import NO_CHANGES, import_blocks, parts, tidied
from core.project.facts import DataFacts
from core.project.schema import Project

SCRIPT_FOLDER = "HERE = Path(__file__).parent"
NOTEBOOK_FOLDER = "HERE = Path.cwd()"
RUN = "model, history = train()"
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def notebook(
    project: Project,
    *,
    folder: Path,
    out: Path,
    facts: DataFacts | None = None,
    changes: Changes = NO_CHANGES,
) -> str:
    """Return the text of a notebook to be written to `out`. Raises CannotGenerate as `script` does.

    The cells have fixed ids, so that the same project gives the same text.
    """
    constants, pieces = parts(project, folder, out, facts, changes)
    constants = Code(constants.text.replace(SCRIPT_FOLDER, NOTEBOOK_FOLDER), constants.imports)
    imports = import_blocks(line for piece in (constants, *pieces) for line in piece.imports)
    texts = ["\n\n".join([*imports, constants.text]), *(piece.text for piece in pieces if piece.text), RUN]
    cells = [v4.new_markdown_cell(_title(project), id="title")]
    for number, text in enumerate(texts, 1):
        cells.append(v4.new_code_cell(tidied(project, text).text.rstrip(), id=f"cell-{number}"))
    return str(v4.writes(v4.new_notebook(cells=cells, metadata=KERNEL))) + "\n"


def _title(project: Project) -> str:
    """The project's name as a heading, with nothing in it that Markdown or HTML would take for its own."""
    name = " ".join(project.name.split()) or "Untitled"
    return "# " + "".join(f"&#{ord(char)};" if char in "\\`*_{}[]<>()#+-.!|&$~" else char for char in name)
