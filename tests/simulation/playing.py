"""Worlds side by side, on every core.

This is apart from the command line, since a process that is begun anew knows what it is to do by the name of
a module that it can import.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.simulation import settings
from tests.simulation.world import Verdict, play

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

HASH_SEED = "0"
"""Some sets of texts are walked through on the way, in an order that Python draws anew for each process."""

AT_A_TIME = 5
"""Worlds that a process is given at once."""


class Lost(Exception):  # noqa: N818 - a verdict
    """A process that played worlds is no more: what became of them is not known."""


def verdicts(
    seeds: Iterable[int],
    off: frozenset[str] = frozenset(),
    processes: int = 0,
    *,
    client: str = "model",
    play: Callable[..., Verdict] = play,
) -> Generator[Verdict, None, None]:
    """Play worlds side by side; their verdicts in the order of the seeds.

    Raises:
        Lost: A process was ended by somebody else.
    """
    return _side_by_side(partial(play, off=off, client=client), [(seed,) for seed in seeds], processes)


def without_each(needs: Iterable[tuple[str, int]], processes: int = 0) -> Generator[Verdict, None, None]:
    """Play worlds, each without one rule; their verdicts in the same order.

    Raises:
        Lost: A process was ended by somebody else.
    """
    return _side_by_side(play, [(seed, frozenset([rule])) for rule, seed in needs], processes)


def _side_by_side(
    call: Callable[..., Verdict], asked: Sequence[tuple[object, ...]], processes: int
) -> Generator[Verdict, None, None]:
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = HASH_SEED  # for the processes that begin here
    pool = ProcessPoolExecutor(processes or os.cpu_count(), get_context("spawn"))
    place = 0
    try:
        for verdict in pool.map(partial(_one_of, call), asked, chunksize=AT_A_TIME):
            place += 1
            yield verdict
    except BrokenProcessPool as broken:
        raise Lost(
            f"{place} of {len(asked)} worlds were played; then one of the processes that play them was ended"
            " by somebody else, perhaps because memory ran out. Play with --processes 1, or the rest with"
            " --first."
        ) from broken
    finally:
        pool.shutdown(cancel_futures=True)
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before


def _one_of(call: Callable[..., Verdict], given: tuple[object, ...]) -> Verdict:
    return call(*given)


def found_within(off: str, most: int) -> int | None:
    """How many worlds it takes until one is broken without a rule; None where none of so many is.

    Where a setting was made for it, worlds of that one are played.
    """
    with closing(verdicts(settings.shows(off, most), frozenset([off]))) as played:
        for number, verdict in enumerate(played):
            if verdict.broken:
                return number + 1
    return None
