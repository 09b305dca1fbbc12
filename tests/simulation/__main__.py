"""Plays worlds, or one of them step by step.

::

    python -m tests.simulation --seeds 10000             worlds 0 to 9,999, on every core
    python -m tests.simulation --seed 4711 --show        one world, each step with its time
    python -m tests.simulation --seeds 300 --without "late ledger"      a rule switched off: it has to miss
    python -m tests.simulation --rules                   within how many worlds each rule is missed
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.simulation.rules import RULES
from tests.simulation.world import Verdict, play

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

HASH_SEED = "0"
"""Some sets of texts are walked through on the way, in an order that Python draws anew for each process."""

AT_A_TIME = 5
"""Worlds that a process is given at once."""

TOLD = 20
"""Worlds that went wrong that are told one by one."""


class Lost(Exception):  # noqa: N818 - a verdict
    """A process that played worlds is no more: what became of them is not known."""


def verdicts(
    seeds: Iterable[int],
    off: frozenset[str] = frozenset(),
    processes: int = 0,
    *,
    real: bool = False,
    play: Callable[..., Verdict] = play,
) -> Generator[Verdict, None, None]:
    """Play worlds side by side; their verdicts in the order of the seeds.

    Raises:
        Lost: A process was ended by somebody else.
    """
    return _side_by_side(partial(play, off=off, real=real), [(seed,) for seed in seeds], processes)


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
    """How many worlds it takes until one is broken without a rule; None where none of so many is."""
    with closing(verdicts(range(most), frozenset([off]))) as played:
        for number, verdict in enumerate(played):
            if verdict.broken:
                return number + 1
    return None


def main() -> int:
    """Play what the command line asks for; 0 where every promise was kept."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=300, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--seed", type=int, help="one world only")
    parser.add_argument("--show", action="store_true", help="each step of it")
    parser.add_argument("--without", action="append", default=[], choices=RULES, help="a rule to switch off")
    parser.add_argument("--rules", action="store_true", help="switch off each rule, one at a time")
    parser.add_argument("--processes", type=int, default=0, help="side by side; one a core, when not said")
    parser.add_argument("--real", action="store_true", help="the Python client instead of the model")
    asked = parser.parse_args()
    off = frozenset(asked.without)
    if asked.seed is not None:
        return _one(asked.seed, off, show=asked.show, real=asked.real)
    try:
        if asked.rules:
            return _rules(asked.seeds)
        return _many(range(asked.first, asked.first + asked.seeds), off, asked.processes, real=asked.real)
    except Lost as lost:
        sys.stderr.write(f"{lost}\n")
        return 2


def _one(seed: int, off: frozenset[str], *, show: bool, real: bool) -> int:
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        again = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        environment = {**os.environ, "PYTHONHASHSEED": HASH_SEED}
        os.execve(sys.executable, again, environment)  # noqa: S606 - itself
    verdict = play(seed, off, _shown if show else None, real=real)
    _say(str(verdict))
    return 0 if verdict.good else 1


def _many(seeds: range, off: frozenset[str], processes: int, *, real: bool) -> int:
    played, wrong = [], 0
    for verdict in verdicts(seeds, off, processes, real=real):
        played.append(verdict)
        wrong += not verdict.good
        if not verdict.good and wrong <= TOLD:
            _say(str(verdict))
    shown, gaps = sum(each.shown for each in played), sum(each.gaps for each in played)
    _say(f"{sum(each.stored for each in played)} documents stored, {shown} hits shown, {gaps} gaps told")
    for what in ("foreign", "restless"):
        if count := sum(bool(getattr(each, what)) for each in played):
            _say(f"{count} worlds {what}")
    missed, twice = sum(len(each.missed) for each in played), sum(len(each.twice) for each in played)
    _say(f"{len(played)} worlds, {missed} missed, {twice} shown twice")
    return 1 if wrong else 0


def _rules(most: int) -> int:
    unfound = 0
    for rule, says in RULES.items():
        number = found_within(rule, most)
        unfound += number is None
        found = f"not missed in {most}" if number is None else f"missed within {number}"
        _say(f"{rule:26} {found:20} {says}")
    return 1 if unfound else 0


def _shown(milliseconds: int, who: str, what: str) -> None:
    _say(f"{milliseconds / 1_000:10.3f} s  {who:14} {what}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
