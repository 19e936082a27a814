"""Code that came with a file runs only after exactly that text was trusted."""

from pathlib import Path

import pytest

from core.project import trust as module
from core.project.schema import Project
from core.project.trust import Trust

CODE = "def loss(y, p):\n    return y - p\n"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "config" / "trusted.json"


def test_code_is_not_trusted_at_first(store: Path) -> None:
    assert not Trust(store).covers(Project(functions=CODE))


def test_a_project_without_code_needs_no_trust(store: Path) -> None:
    assert Trust(store).covers(Project(functions="\n  \n"))


def test_trusted_code_is_remembered_by_the_next_program(store: Path) -> None:
    Trust(store).remember(CODE)
    assert Trust(store).covers(Project(functions=CODE))


def test_one_changed_character_is_other_code(store: Path) -> None:
    trust = Trust(store)
    trust.remember(CODE)
    assert not trust.trusts(CODE + " ")


def test_passing_trust_is_not_written(store: Path) -> None:
    trust = Trust(store)
    trust.remember(CODE, lasting=False)
    assert trust.trusts(CODE)
    assert not store.exists()


def test_a_damaged_store_trusts_nothing(store: Path) -> None:
    store.parent.mkdir()
    store.write_text('{"trusted": tr')
    assert not Trust(store).trusts(CODE)


def test_templates_that_ship_are_trusted(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.lossmith").write_text(Project(functions=CODE).model_dump_json())
    monkeypatch.setattr(module, "TEMPLATES", tmp_path)
    module._shipped.cache_clear()
    assert Trust(store).trusts(CODE)
    module._shipped.cache_clear()
