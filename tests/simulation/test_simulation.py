"""Nothing is missed and nothing is shown twice, whatever goes wrong; and each rule is needed for that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.simulation import playing
from tests.simulation.judge import Verdict
from tests.simulation.rules import RULES
from tests.simulation.world import play

WORLDS = 200
"""Worlds that are played here; ``make simulate`` plays 10,000."""

SEARCHED = 200
"""Worlds among which one is searched for that needs a rule, where the known one no longer does."""

NEEDS = {
    "late ledger": 10,
    "open rows": 201,
    "cursor rests": 1,
    "cursor per subscription": 7,
    "cursor after catch-up": 2,
    "gaps only lower": 2,
    "POSTING": 129,
    "membership before query": 12,
    "lagged marks": 2,
    "marks stay": 36,
    "whole pages": 5,
    "refresh before query": 4,
    "seen ids": 0,
    "HORIZON": 63,
    "2 SKEW": 38,
    "clock after membership": 8,
    "announcing clock": 298,
    "ledger first": 33,
    "ledger or again": 348,
    "ledger's horizon": 63,
    "page's horizon": 413,
    "second reading": 13,
}
"""For each rule a world in which something is missed, or shown twice, without it.

Whatever changes the order of a story's calls changes the worlds; ``python -m tests.simulation --rules`` finds
others.
"""


def test_nothing_is_missed_and_nothing_is_shown_twice() -> None:
    wrong = [str(verdict) for verdict in playing.verdicts(range(WORLDS)) if not verdict.good]

    assert not wrong, "\n".join([*wrong, "python -m tests.simulation --seed N --show plays one step by step"])


def test_the_python_client_misses_nothing_either() -> None:
    verdicts = playing.verdicts(range(WORLDS // 4), client="python")
    wrong = [str(verdict) for verdict in verdicts if not verdict.good]

    assert not wrong, "\n".join(wrong)


def test_a_world_is_the_same_each_time_it_is_played() -> None:
    told: list[list[tuple[int, str, str]]] = [[], []]

    for lines in told:
        play(7, tell=lambda *line, lines=lines: lines.append(line))

    assert told[0] == told[1]
    assert len(told[0]) > 100


def test_worlds_are_full_of_events_and_of_trouble() -> None:
    told: list[str] = []
    played = [play(seed, tell=lambda _when, _who, what: told.append(what)) for seed in range(30)]

    assert sum(verdict.stored for verdict in played) > 500
    assert sum(verdict.shown for verdict in played) > 1_000
    assert any(verdict.gaps for verdict in played)
    for trouble in TROUBLE:
        assert any(trouble in what for what in told), trouble


TROUBLE = (
    "freezes before",
    "dies before",
    "dies after",
    "is out of time",
    "its answer is lost",
    "a shard fails",
    "no answer in time; it will be carried out",
    "no endpoint answers",
    "refused but carried out",
    ": out of time",
    ": 410",
    "puts jobs: [True",
    "put_all_late",
    "remove_channel",
    "loses its connection and does not know",
    "finds its connection dead",
    "leaves; nobody is told",
    "changes its filter",
    "is down",
    '"type": "more"',
    '"type":"gap"',
    '"sampled"',
    '"reason":"expired"',
    "snapshot-unavailable",
)


@pytest.fixture(scope="module")
def without() -> dict[str, Verdict]:
    """The known world of each rule, played without it."""
    return dict(zip(NEEDS, playing.without_each(NEEDS.items()), strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_something_is_missed_or_shown_twice(rule: str, without: dict[str, Verdict]) -> None:
    assert without[rule].broken or playing.found_within(rule, SEARCHED)


def test_the_command_ends_with_what_was_missed_and_what_was_shown_twice() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "2", "--processes", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.stdout.splitlines()[-1:] == ["2 worlds, 0 missed, 0 shown twice"], ran.stderr
    assert ran.returncode == 0


def test_where_a_process_is_ended_by_somebody_else_the_run_ends_too_and_says_so() -> None:
    with pytest.raises(playing.Lost, match="of 20 worlds were played; then one of the processes"):
        list(playing.verdicts(range(20), processes=1, play=_ended))


def _ended(seed: int, **_given: object) -> Verdict:
    if seed == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return Verdict(seed)
