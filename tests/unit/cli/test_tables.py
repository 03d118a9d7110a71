"""Tables show names, and no terminal obeys them."""

from ocistacks.cli.tables import table_lines


def test_columns_are_as_wide_as_their_widest_cell():
    lines = list(table_lines(("A", "LONG"), (("word", "x"), ("y", ""))))
    assert lines == ["A     LONG", "word  x", "y"]


def test_control_characters_are_shown_as_question_marks():
    assert list(table_lines(("A",), (("red\x1b[31m\n",),))) == ["A", "red?[31m?"]
