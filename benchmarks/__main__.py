"""``make bench``: the machine, then one JSON line a figure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import documents, engines, flow, imports, stages
from benchmarks.figure import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.figure import Figure


def main() -> int:
    """Print every figure as soon as it is measured; 1 when a bar is not cleared."""
    sys.stdout.write(machine() + "\n")
    held = True
    for figure in _figures():
        sys.stdout.write(figure.line() + "\n")
        sys.stdout.flush()
        held = held and figure.holds is not False
    return 0 if held else 1


def _figures() -> Iterator[Figure]:
    """Imports first, while no engine runs beside them."""
    yield from imports.figures()
    yield from stages.figures()
    with engines.running() as opensearch:
        yield from documents.figures(opensearch)
        yield from flow.figures()


if __name__ == "__main__":
    sys.exit(main())
