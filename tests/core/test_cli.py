"""The commands that need no training: what they print, and their exit codes."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.cli import VERBS, main
from core.cli.app import app
from core.project import storage
from core.project.templates import templates

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project from a template, with its table beside it."""
    assert main(["new", "penguins", "-o", str(tmp_path / "mine.lossmith")]) == 0
    return tmp_path / "mine.lossmith"


def change(path: Path, old: str, new: str) -> Path:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return path


def printed_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_every_verb_is_a_command_and_every_command_a_verb():
    names = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    assert names == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]):
    assert main([verb, "--help"]) == 0
    assert f"lossmith {verb}" in capsys.readouterr().out


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]):
    assert main(["--version"]) == 0
    assert 'version = "' + capsys.readouterr().out.split()[1] in (ROOT / "pyproject.toml").read_text()


def test_a_wrong_option_is_code_2(capsys: pytest.CaptureFixture[str]):
    assert main(["check", "--nonsense"]) == 2
    assert "--nonsense" in capsys.readouterr().err


def test_templates_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["templates"]) == 0
    out = capsys.readouterr().out
    assert all(one.name in out for one in templates())


def test_templates_are_listed_as_json(capsys: pytest.CaptureFixture[str]):
    assert main(["templates", "--json"]) == 0
    assert [entry["name"] for entry in printed_json(capsys)] == [one.name for one in templates()]


def test_a_new_project_prints_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["new", "linnerud", "-o", str(tmp_path / "a.lossmith")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "a.lossmith")


def test_a_file_is_not_replaced_unless_asked(project: Path, capsys: pytest.CaptureFixture[str]):
    before = project.read_bytes()
    assert main(["new", "linnerud", "-o", str(project)]) == 2
    assert "--force" in capsys.readouterr().err
    assert project.read_bytes() == before
    assert main(["new", "linnerud", "-o", str(project), "--force"]) == 0
    assert project.read_bytes() != before


def test_an_unknown_template_is_answered_with_the_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["new", "nothing", "-o", str(tmp_path / "a.lossmith")]) == 2
    assert "there are reviews" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["new", "linnerud", "-o", str(tmp_path / "no" / "a.lossmith")]) == 2
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "Traceback" not in err


def test_the_schema_is_that_of_storage(capsys: pytest.CaptureFixture[str]):
    assert main(["schema"]) == 0
    assert printed_json(capsys) == storage.json_schema()


def test_a_good_project_is_code_0(project: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", str(project)]) == 0
    assert "mine.lossmith" in capsys.readouterr().err


def test_a_blocking_problem_is_code_1_and_is_named(project: Path, capsys: pytest.CaptureFixture[str]):
    change(project, '"target:mass"', '"target:nowhere"')
    assert main(["check", str(project)]) == 1
    err = capsys.readouterr().err
    assert "blocking" in err
    assert "mass_loss" in err


def test_the_json_of_a_check_has_these_keys(project: Path, capsys: pytest.CaptureFixture[str]):
    change(project, '"target:mass"', '"target:nowhere"')
    assert main(["check", str(project), "--json"]) == 1
    found = printed_json(capsys)
    assert set(found) == {"file", "problems", "blocking", "warning", "hint"}
    assert set(found["problems"][0]) == {"code", "severity", "where", "message", "fix"}
    assert found["blocking"] == sum(one["severity"] == "blocking" for one in found["problems"])


def test_a_missing_table_is_a_problem_not_a_crash(project: Path, capsys: pytest.CaptureFixture[str]):
    change(project, '"penguins.csv"', '"gone.csv"')
    assert main(["check", str(project)]) == 1
    assert "gone.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"lossmith": 99}', b'{"lossmith": 1, "colour": 3}', b"\x00\xff"]
)
def test_what_is_no_project_is_code_2_and_one_sentence(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "bad.lossmith").write_bytes(content)
    assert main(["check", str(tmp_path / "bad.lossmith")]) == 2
    err = capsys.readouterr().err
    assert "bad.lossmith cannot be opened" in err
    assert len(err.strip().splitlines()) == 1


def test_a_file_that_is_not_there_is_code_2(capsys: pytest.CaptureFixture[str]):
    assert main(["check", "nothing.lossmith"]) == 2
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["history", "resume"])
def test_what_is_no_run_is_code_2(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([verb, str(tmp_path)]) == 2
    assert "is no run" in capsys.readouterr().err


def test_a_project_with_problems_is_not_trained(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    change(project, '"target:mass"', '"target:nowhere"')
    assert main(["train", str(project), "--runs", str(tmp_path / "runs")]) == 1
    assert "Not trained: 2 problems" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_python_of_a_stranger_is_not_run_without_trust(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert main(["new", "own-loss", "-o", str(tmp_path / "a.lossmith")]) == 0
    change(tmp_path / "a.lossmith", "ops.abs(y_true - y_pred)", "ops.abs(y_pred - y_true)")
    assert main(["train", str(tmp_path / "a.lossmith"), "--runs", str(tmp_path / "runs")]) == 1
    assert "--trust" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_script_is_exported_and_compiles(project: Path, tmp_path: Path):
    out = tmp_path / "train.py"
    assert main(["export", str(project), "-o", str(out)]) == 0
    compile(out.read_text("utf-8"), str(out), "exec")
    assert 'HERE / "penguins.csv"' in out.read_text("utf-8")


def test_a_notebook_is_exported(project: Path, tmp_path: Path):
    assert main(["export", str(project), "-o", str(tmp_path / "a.ipynb"), "--as", "notebook"]) == 0
    assert json.loads((tmp_path / "a.ipynb").read_text("utf-8"))["nbformat"] == 4


def test_the_compile_style_is_exported(project: Path, tmp_path: Path):
    assert main(["export", str(project), "-o", str(tmp_path / "a.py"), "--as", "compile"]) == 0
    assert "loss_weights=" in (tmp_path / "a.py").read_text("utf-8")


def test_the_compile_style_is_refused_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["new", "uncertainty", "-o", str(tmp_path / "a.lossmith")]) == 0
    assert (
        main(["export", str(tmp_path / "a.lossmith"), "-o", str(tmp_path / "a.py"), "--as", "compile"]) == 1
    )
    assert "compile style" in capsys.readouterr().err
    assert not (tmp_path / "a.py").exists()


def test_an_unknown_style_is_code_2(project: Path, tmp_path: Path):
    assert main(["export", str(project), "-o", str(tmp_path / "a"), "--as", "pickle"]) == 2


def test_an_export_that_cannot_be_written_is_code_2(project: Path, tmp_path: Path):
    assert main(["export", str(project), "-o", str(tmp_path / "no" / "a.py")]) == 2


def test_a_mistake_of_ours_is_a_sentence_with_its_details_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(storage, "json_schema", lambda: 1 / 0)
    assert main(["schema"]) == 2
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    details = Path(err.rpartition(" in ")[2].strip(" ).\n"))
    assert "Traceback" in details.read_text()
    details.unlink()


def test_a_mistake_of_ours_is_a_sentence_also_where_no_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "json_schema", lambda: 1 / 0)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    assert main(["schema"]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "Lossmith made a mistake: ZeroDivisionError" in err
    assert "the details cannot be written to" in err
    assert "the disk is full" in err


@pytest.mark.parametrize(
    "arguments", [["templates"], ["check", "{project}"], ["export", "{project}", "-o", "{out}"]]
)
def test_a_command_needs_neither_qt_nor_tensorflow(arguments: list[str], project: Path, tmp_path: Path):
    given = [part.format(project=project, out=tmp_path / "out.py") for part in arguments]
    code = (
        "import sys; from gui.entry import main; code = main(sys.argv[1:]);"
        "bad = [n for n in sys.modules if n.split('.')[0] in ('PySide6', 'tensorflow', 'keras')];"
        "sys.exit(repr(bad) if bad else code)"
    )
    ended = subprocess.run([sys.executable, "-c", code, *given], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
