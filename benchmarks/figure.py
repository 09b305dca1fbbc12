"""One measured figure beside what it is measured against, as one JSON line."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PACKAGES = ("opensearch-py", "boto3", "orjson", "pydantic", "urllib3")


@dataclass(frozen=True, slots=True)
class Figure:
    """A median, its rivals' medians of the same run, and the bar it should clear.

    Attributes:
        against: Name of a rival to its value, in the same unit.
        ratio: The value beside the first rival's, as the bar counts it; None without a bar.
        spread: Between which two the middle half of the ratios lay, where each pair of turns gives one.
        bar: What is wanted, in words; empty where nothing is.
        holds: Whether the bar is cleared; None without a bar.
    """

    name: str
    value: float
    unit: str
    against: Mapping[str, float] = field(default_factory=dict)
    ratio: float | None = None
    bar: str = ""
    holds: bool | None = None
    spread: tuple[float, float] | None = None

    def line(self) -> str:
        """The figure as one line of JSON."""
        spread = {"spread": [_short(end) for end in self.spread]} if self.spread else {}
        return json.dumps(
            {
                "name": self.name,
                "value": _short(self.value),
                "unit": self.unit,
                "against": {name: _short(value) for name, value in self.against.items()},
                "ratio": None if self.ratio is None else _short(self.ratio),
                **spread,
                "bar": self.bar,
                "holds": self.holds,
            },
            ensure_ascii=False,
        )


def machine() -> str:
    """The first line: what the figures were measured on."""
    return json.dumps(
        {
            "name": "machine",
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        }
    )


def median_in_turns(runs: int, *measures: Callable[[], float]) -> Sequence[float]:
    """Run the measures in turns, so that a slow moment of the machine meets all of them; their medians."""
    values: list[list[float]] = [[] for _ in measures]
    for _ in range(runs):
        for measure, found in zip(measures, values, strict=True):
            found.append(measure())
    return [statistics.median(found) for found in values]


def in_pairs(pairs: int, first: Callable[[], float], second: Callable[[], float]) -> Sequence[float]:
    """Run two measures in pairs; for each pair, how many times the second's value goes into the first's.

    The order turns round from pair to pair: what drifts, as a node that warms up, meets both alike.
    """
    ratios: list[float] = []
    for pair in range(pairs):
        if pair % 2:
            below, above = second(), first()
        else:
            above, below = first(), second()
        ratios.append(above / below)
    return ratios


@contextmanager
def collecting(collect_after: tuple[int, int, int]) -> Iterator[None]:
    """Let Python look for garbage after so many objects, and then as before."""
    usual = gc.get_threshold()
    gc.set_threshold(*collect_after)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
