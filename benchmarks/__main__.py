"""``make bench``, ``bench-index``, ``bench-broadcast``: the machine, then one JSON line a figure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import (
    documents,
    engines,
    flow,
    imports,
    matching,
    memory,
    packing,
    percolator,
    posting,
    stages,
)
from benchmarks.figure import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.figure import Figure


def main() -> int:
    """Print every figure as soon as it is measured; 1 when a bar is not cleared."""
    asked = sys.argv[1] if sys.argv[1:] else "all"
    if asked not in _PARTS:
        sys.stderr.write(f"'{asked}' is no part of the benchmarks; there are {', '.join(_PARTS)}.\n")
        return 2
    sys.stdout.write(machine() + "\n")
    held = True
    for figure in _PARTS[asked]():
        sys.stdout.write(figure.line() + "\n")
        sys.stdout.flush()
        held = held and figure.holds is not False
    return 0 if held else 1


def _all() -> Iterator[Figure]:
    """Imports first, while no engine runs beside them."""
    yield from imports.figures()
    yield from stages.figures()
    yield from _broadcasting()
    with engines.running() as opensearch:
        yield from documents.figures(opensearch)
        yield from memory.figures(opensearch)
        yield from flow.figures()


def _indexing() -> Iterator[Figure]:
    yield from stages.figures()
    with engines.running() as opensearch:
        yield from documents.figures(opensearch)
        yield from memory.figures(opensearch)


def _broadcasting() -> Iterator[Figure]:
    yield from matching.figures()
    yield from packing.figures()
    yield from posting.figures()
    with engines.running() as opensearch:
        yield from percolator.figures(opensearch)


_PARTS = {"all": _all, "index": _indexing, "broadcast": _broadcasting}


if __name__ == "__main__":
    sys.exit(main())
