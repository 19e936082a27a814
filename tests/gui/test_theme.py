"""The themes: readable everywhere, switched live, and one colour a head."""

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from core.project.schema import Project
from gui import theme
from gui.actions import TABLE

GROUNDS = ("window", "surface", "canvas", "raised", "field", "hover", "accent_soft")


@pytest.fixture(autouse=True)
def light_afterwards(qapp):
    yield
    theme.use(qapp, "light", 1.0)


@pytest.fixture
def project():
    bind = {"y_true": "target:t", "y_pred": "head:a"}
    both = {"y": "target:t", "p": "head:a", "s": "head:b"}
    return Project.model_validate(
        {
            "model": {"heads": {"a": {}, "b": {}}},
            "terms": {"mse": {"bind": bind}, "nll": {"bind": both}, "mae": {"bind": bind}, "prior": {}},
            "metrics": {"error": {"bind": bind}},
        }
    )


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", ["text", "muted"])
def test_text_stands_out_from_every_ground(name, ground, text):
    tokens = theme.THEMES[name]
    assert theme.contrast(getattr(tokens, text), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("state", ["good", "warning", "bad"])
def test_words_of_state_stand_out_from_panels_and_from_their_soft_ground(name, state):
    tokens = theme.THEMES[name]
    for ground in (tokens.surface, getattr(tokens, f"{state}_soft")):
        assert theme.contrast(getattr(tokens, state), ground) >= 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_primary_button_can_be_read_also_under_the_mouse(name):
    tokens = theme.THEMES[name]
    for ground in (tokens.accent, tokens.accent_hover):
        assert theme.contrast(tokens.on_accent, ground) >= 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_in_a_head_s_colour_is_moved_until_it_can_be_read(qapp, name):
    theme.use(qapp, name)
    for colour in theme.tokens().heads:
        assert theme.contrast(theme.readable(colour), theme.tokens().surface) >= 4.5


def test_switching_repaints_everything_that_listens(qapp, qtbot):
    with qtbot.waitSignal(theme.notifier().changed):
        theme.use(qapp, "dark")
    assert theme.tokens() is theme.DARK
    assert theme.DARK.surface in QApplication.instance().styleSheet()


def test_the_scale_stays_between_80_and_200_percent(qapp):
    theme.use(qapp, "light", 5.0)
    assert theme.scale() == 2.0
    assert theme.px(13) == 26
    theme.use(qapp, "light", 0.1)
    assert theme.scale() == 0.8


def test_every_gap_of_the_style_sheet_is_filled(qapp):
    theme.use(qapp, "light")
    assert "$" not in qapp.styleSheet()


def test_all_icons_exist(qapp):
    for name in theme.ICONS:
        assert not theme.icon(name).pixmap(16, 16).isNull()


def test_every_icon_of_the_menus_exists(qapp):
    for act in TABLE:
        assert not act.glyph or not theme.icon(act.glyph).pixmap(16, 16).isNull()


def test_a_disabled_icon_is_fainter(qapp):
    theme.use(qapp, "light")
    icon = theme.icon("train", theme.tokens().text)
    normal, faded = (
        icon.pixmap(QSize(16, 16), mode).toImage() for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled)
    )
    assert normal.pixelColor(6, 8).lightness() < faded.pixelColor(6, 8).lightness()


def test_heads_take_the_colours_in_their_order(qapp, project):
    theme.use(qapp, "light")
    assert theme.colour_of(project, "head:a") == "#0072b2"
    assert theme.colour_of(project, "head:b") == "#d55e00"


def test_a_term_takes_its_first_head_s_colour_that_is_free(qapp, project):
    theme.use(qapp, "light")
    assert theme.colour_of(project, "term:mse") == theme.colour_of(project, "head:a")
    assert theme.colour_of(project, "term:nll") == theme.colour_of(project, "head:b")


def test_no_two_terms_have_the_same_colour(qapp, project):
    found = {theme.colour_of(project, f"term:{name}") for name in project.terms}
    assert len(found) == len(project.terms)


def test_total_regularization_and_layers_keep_out_of_the_heads_colours(qapp, project):
    tokens = theme.tokens()
    assert theme.colour_of(project, "total") == tokens.text
    assert theme.colour_of(project, "regularization") == tokens.muted
    assert theme.colour_of(project, "layer:trunk") == tokens.neutral


def test_colours_follow_the_theme(qapp, project):
    theme.use(qapp, "dark")
    assert theme.colour_of(project, "head:a") == "#56b4e9"
