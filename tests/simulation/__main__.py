"""Plays worlds, or one of them step by step.

::

    python -m tests.simulation --seeds 10000             worlds 0 to 9,999, on every core
    python -m tests.simulation --seed 4711 --show        one world, each step with its time
    python -m tests.simulation --seeds 300 --without "late ledger"      a rule switched off: it has to miss
    python -m tests.simulation --seeds 300 --client web  the browser client (or python) instead of the model
    python -m tests.simulation --rules                   within how many worlds each rule is missed
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.simulation.playing import HASH_SEED, Lost, found_within, verdicts
from tests.simulation.rules import RULES
from tests.simulation.world import CLIENTS, play

TOLD = 20
"""Worlds that went wrong that are told one by one."""

A_LINE = 500
"""Worlds between two lines that say how far it is: some minutes of one core."""


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
    parser.add_argument("--client", choices=CLIENTS, default="model", help="whose rules clients play by")
    asked = parser.parse_args()
    off = frozenset(asked.without)
    if asked.seed is not None:
        return _one(asked.seed, off, show=asked.show, client=asked.client)
    try:
        if asked.rules:
            return _rules(asked.seeds)
        return _many(range(asked.first, asked.first + asked.seeds), off, asked.processes, client=asked.client)
    except Lost as lost:
        sys.stderr.write(f"{lost}\n")
        return 2


def _one(seed: int, off: frozenset[str], *, show: bool, client: str) -> int:
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        again = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        environment = {**os.environ, "PYTHONHASHSEED": HASH_SEED}
        os.execve(sys.executable, again, environment)  # noqa: S606 - itself
    verdict = play(seed, off, _shown if show else None, client=client)
    _say(str(verdict))
    return 0 if verdict.good else 1


def _many(seeds: range, off: frozenset[str], processes: int, *, client: str) -> int:
    played, wrong = [], 0
    for verdict in verdicts(seeds, off, processes, client=client):
        played.append(verdict)
        wrong += not verdict.good
        if not verdict.good and wrong <= TOLD:
            _say(str(verdict))
        if len(played) % A_LINE == 0:
            _progress(len(played), len(seeds), wrong)
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


def _progress(played: int, asked: int, wrong: int) -> None:
    sys.stderr.write(f"{played:,} of {asked:,} worlds played, {wrong:,} went wrong\n")
    sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
