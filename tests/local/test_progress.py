from __future__ import annotations

import io
import re
import threading

import pytest

from pipeline.local.progress import Board


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_where_the_output_is_no_terminal_each_part_is_a_line_at_its_end() -> None:
    out = io.StringIO()
    with Board(out) as board, board.part("jars") as tell:
        tell("half")
        tell("all 93 of them")
    assert re.fullmatch(r"  ✓ jars +\d+\.\d s  all 93 of them\n", out.getvalue())


def test_a_part_that_fails_is_marked_and_the_others_go_on() -> None:
    out = io.StringIO()
    failed = threading.Event()

    def fail(_: object) -> None:
        failed.set()
        raise ValueError("no")

    def go_on(_: object) -> None:
        assert failed.wait(10)

    with Board(out) as board, pytest.raises(ValueError, match="no"):
        board.at_once({"bad": fail, "good": go_on})
    assert sorted(line.split()[:2] for line in out.getvalue().splitlines()) == [["✓", "good"], ["✗", "bad"]]


def test_on_a_terminal_the_lines_are_written_over() -> None:
    out = Terminal()
    with Board(out) as board:
        with board.part("first"):
            pass
        with board.part("second"):
            pass
    drawings = out.getvalue().split("\033[2A")
    assert len(drawings) == 2
    assert [line.split()[1:3] for line in drawings[-1].splitlines()] == [["✓", "first"], ["✓", "second"]]


def test_a_line_of_no_part_stands_by_itself() -> None:
    out = io.StringIO()
    with Board(out) as board:
        board.say("waiting")
    assert out.getvalue() == "  waiting\n"
