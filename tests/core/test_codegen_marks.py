"""Marks say which lines of a script are about which part of the project."""

from core.codegen.code import Code, join, mark, unmark


def test_marks_leave_the_text_and_give_line_ranges() -> None:
    text = "a = 1\n" + mark("layer:b", "b = (\n    2\n)") + "\nc = 3"
    lines = unmark(text)
    assert lines.text == "a = 1\nb = (\n    2\n)\nc = 3\n"
    assert lines.ranges == {"layer:b": ((2, 4),)}


def test_a_reference_marked_twice_has_two_ranges() -> None:
    lines = unmark("\n".join([mark("term:nll", "a"), "b", mark("term:nll", "c")]))
    assert lines.ranges == {"term:nll": ((1, 1), (3, 3))}


def test_blank_lines_at_the_end_belong_to_no_mark() -> None:
    assert unmark(mark("data", "a\n\n\n")).ranges == {"data": ((1, 1),)}


def test_marks_nest() -> None:
    assert unmark(mark("total", "a\n" + mark("term:b", "b"))).ranges == {
        "term:b": ((2, 2),),
        "total": ((1, 2),),
    }


def test_joined_pieces_name_each_import_once() -> None:
    joined = join([Code("a", ("import x", "import y")), Code(), Code("b", ("import y",))])
    assert joined == Code("a\nb", ("import x", "import y"))
