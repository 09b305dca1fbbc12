"""Reading logs while they grow."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

from pipeline.local import following
from pipeline.local.following import Log
from pipeline.local.places import Places

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in Log:
        Places(tmp_path).log(name).parent.mkdir(parents=True, exist_ok=True)
        Places(tmp_path).log(name).write_text(f"{name} 1\n{name} 2\n{name} 3\n")
    return tmp_path


def test_the_last_lines_of_each_log_are_shown_with_its_name(folder: Path) -> None:
    assert list(following.lines(folder, [Log.AWS, Log.FUNCTIONS], last=2, follow=False)) == [
        "aws        | aws 2",
        "aws        | aws 3",
        "functions  | functions 2",
        "functions  | functions 3",
    ]


def test_a_single_log_is_shown_as_it_is(folder: Path) -> None:
    assert list(following.lines(folder, [Log.FUNCTIONS], last=1, follow=False)) == ["functions 3"]


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert list(following.lines(tmp_path, list(Log), last=5, follow=False)) == []


def test_what_is_added_is_shown_once_its_line_is_whole(folder: Path) -> None:
    shown = following.lines(folder, [Log.AWS, Log.FUNCTIONS], last=1, follow=True)
    assert list(islice(shown, 2)) == ["aws        | aws 3", "functions  | functions 3"]
    with Places(folder).log("aws").open("a") as aws, Places(folder).log("functions").open("a") as functions:

        def write(log: TextIO, text: str) -> None:
            log.write(text)
            log.flush()

        write(aws, "aws 4\nhalf")
        write(functions, "functions 4\n")
        assert list(islice(shown, 2)) == ["aws        | aws 4", "functions  | functions 4"]
        write(aws, " and half\n")
        assert next(shown) == "aws        | half and half"


def test_a_log_that_was_begun_anew_is_shown_from_its_beginning(folder: Path) -> None:
    shown = following.lines(folder, [Log.OPENSEARCH], last=1, follow=True)
    assert next(shown) == "opensearch 3"
    log = Places(folder).log("opensearch")
    with log.open("a") as before:
        before.write("its last\n")
    log.replace(f"{log}.1")
    log.write_text("another node\n")
    assert list(islice(shown, 2)) == ["its last", "another node"]
