"""Settings: quiet worlds, each with just the trouble in which one rule or another is all that helps.

In ordinary weather a rule is seldom alone: what it lets through, a later resume brings, or another row of the
ledger. So one world in five is of a setting, in turns. Nobody breaks off there but where the setting says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.weather import Weather, draw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

TURN, OURS = 5, 3
"""Of each ``TURN`` worlds, the one with this number is of a setting."""


def of(seed: int, chance: Random, storm: int) -> Weather:
    """The weather of a world.

    Args:
        seed: The world's.
        chance: The world's.
        storm: Milliseconds that it lasts.
    """
    if seed % TURN != OURS:
        return draw(chance, storm)
    settings = list(SETTINGS.values())
    return settings[seed // TURN % len(settings)]()


def meeting() -> Weather:
    """Broadcasts that freeze just under ``POSTING``, of deltas that are up to minutes old.

    Somebody comes anew in the middle of it, and has had newer frames: rows of the ledger from before the
    cursor, rows that are written before members are read, and the horizon are what helps. The ledger counts
    in minutes of announcing, so much of it happens when one ends.
    """
    weather = _quiet()
    weather.facts = (14, 24)
    weather.detour, weather.detours = 0.4, 150_000
    weather.minute_ends, weather.meetings = 0.5, 0.9
    return weather


def joining() -> Weather:
    """Memberships that are written while an event is announced, in a moment or in seconds; clocks differ."""
    weather = _quiet()
    weather.snapshots = (None,)
    weather.facts = (3, 8)
    weather.slow_join, weather.hurried_join = 0.4, 1
    return weather


def unrefreshed() -> Weather:
    """The same, with an index that cannot be refreshed and shows what it has seldom."""
    weather = joining()
    weather.slow_join = 0
    weather.refreshes = 10_000
    weather.lag = weather.refreshes + 200
    return weather


def late() -> Weather:
    """Deltas that are minutes late, a ledger that fails, and clients that are away meanwhile."""
    weather = _quiet()
    weather.facts = (25, 35)
    weather.detour, weather.detours = 0.3, 150_000
    weather.ledger_trouble = 0.4
    weather.cut_every, weather.nap = 60_000, 0.7
    return weather


def torn() -> Weather:
    """Long catch-ups that are torn when late deltas are about to be posted to their connections."""
    weather = _quiet()
    weather.snapshots = (0,)
    weather.facts = (45, 70)
    weather.detour, weather.detours = 0.25, 150_000
    weather.slow_search, weather.sizes = 0.8, (1, 1, 31_000)
    weather.cut_every = 40_000
    weather.met_readers = 0.8
    return weather


def long() -> Weather:
    """Long catch-ups from a busy index, while live frames are refused, and a break right behind ``live``."""
    weather = _quiet()
    weather.snapshots = (0,)
    weather.facts = (40, 60)
    weather.slow_search, weather.sizes = 0.8, (2, 2, 31_000)
    weather.cut_every, weather.nap = 60_000, 0.8
    weather.deaf, weather.torn_ends, weather.torn_from = 0.9, 0.6, 60_000
    return weather


SETTINGS = {
    "meeting": meeting,
    "joining": joining,
    "unrefreshed": unrefreshed,
    "late": late,
    "torn": torn,
    "long": long,
}
"""Each setting's weather, by its name."""

SHOWN_BY = {
    "HORIZON": "meeting",
    "ledger first": "meeting",
    "ledger's horizon": "meeting",
    "2 SKEW": "joining",
    "clock after membership": "joining",
    "second reading": "unrefreshed",
    "ledger or again": "late",
    "page's horizon": "torn",
    "announcing clock": "long",
}
"""The setting that was made to show that a rule is needed."""


def shows(rule: str, most: int) -> Sequence[int]:
    """The first worlds in which to look for one that needs a rule."""
    if rule not in SHOWN_BY:
        return range(most)
    apart = TURN * len(SETTINGS)
    first = TURN * list(SETTINGS).index(SHOWN_BY[rule]) + OURS
    return range(first, first + most * apart, apart)


def _quiet() -> Weather:
    """Nothing goes wrong; but clocks are as far apart as they may be."""
    return Weather(
        crash=0,
        stall=0,
        stalls=2_000,
        skew=500,
        pace=30,
        hop=10,
        detour=0,
        detours=60_000,
        twice=0,
        lost_delete=0,
        bulk_trouble=0,
        bulk_unknown=0,
        slow_bulk=0,
        shard_trouble=0,
        refreshes=1_000,
        bus_trouble=0,
        table_trouble=0,
        ledger_trouble=0,
        slow_table=0,
        slow_post=0,
        wires_down=0,
        stalled_posts=0,
        half_open=0,
        lost_goodbye=0.3,
        cut_every=0,
        patient=True,
        slow_join=0,
        torn_pages=0,
        nap=0,
        visibility=70_000,
        lag=0,
        sizes=(500, 2_000, 31_000),
        fan_out=2_000,
        budget=1_000_000,
    )
