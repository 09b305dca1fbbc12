"""What several commands print alike: tables, failures, and the option that wants JSON instead."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

SHOWN = 20
"""Failures that are named; the rest is counted."""


def table(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Lines of a table, under the names of its columns; the last column is as long as it likes.

    Args:
        rows: One or more, with the same names in the same order.
    """
    cells = list(rows)
    shown: list[Mapping[str, str]] = [{name: name.upper() for name in cells[0]}, *cells]
    widths = {name: max(len(row[name]) for row in shown) for name in shown[0]}
    for row in shown:
        yield "  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip()


def failures(found: Sequence[tuple[str, str]]) -> None:
    """Name the first failures on stderr, each with its place, and count the others."""
    for place, error in found[:SHOWN]:
        sys.stderr.write(f"{place}: {error}\n")
    if len(found) > SHOWN:
        sys.stderr.write(f"… and {len(found) - SHOWN} more\n")
