"""The start page: examples, recent projects, and the ways to begin."""

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from core.project.templates import templates
from gui import theme
from gui.files import Files
from gui.panels.start import ExampleCard, StartPage, tinted
from gui.settings import Settings


@pytest.fixture
def page(qtbot, bench, tmp_path):
    settings = Settings(tmp_path / "window.ini")
    files = Files(bench.document, settings)
    page = StartPage(files, settings)
    page.files, page.settings = files, settings
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    return page


def test_every_example_has_a_card_with_picture_sentence_and_time(page):
    cards = page.findChildren(ExampleCard)
    assert len(cards) == len(templates())
    for card in cards:
        words = [label.text() for label in card.findChildren(QLabel)]
        assert any("about" in text for text in words)


def test_pressing_a_card_opens_the_example_without_a_file(qtbot, page, bench):
    card = page.findChild(ExampleCard, "example_reviews")
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    assert bench.document.project.name.startswith("Reviews")
    assert bench.document.path is None


def test_an_example_is_opened_with_the_keyboard(qtbot, page, bench):
    card = page.findChild(ExampleCard, "example_penguins")
    card.setFocus()
    qtbot.keyClick(card, Qt.Key.Key_Space)
    assert bench.document.project.model.heads


def test_an_example_is_open_at_once(page, bench):
    start = time.thread_time()  # what else the machine does is not counted
    page.files.new_from(templates()[0])
    assert time.thread_time() - start < 0.4


def test_saved_projects_appear_among_the_recent_ones(page, bench, tmp_path):
    page.files.save_as(tmp_path / "mine.lossmith")
    names = [page._recent.itemAt(i).widget().text() for i in range(page._recent.count())]
    assert names == ["mine"]


def test_a_recent_project_that_is_gone_is_not_shown(page, tmp_path):
    path = tmp_path / "gone.lossmith"
    page.files.save_as(path)
    path.unlink()
    assert page.settings.recent == []


def test_pictures_take_the_colours_of_the_theme(qapp):
    theme.use(qapp, "dark")
    drawn = tinted('<path stroke="#0072b2"/><rect fill="#ffffff"/>')
    theme.use(qapp, "light")
    assert "#56b4e9" in drawn
    assert "#ffffff" not in drawn
