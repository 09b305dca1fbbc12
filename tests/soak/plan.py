"""Who is in the crowd, what becomes of whom, and what happens when: the same in every run."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = bool(os.environ.get("LIVEDEX_SOAK"))

TENANTS = ("acme", "globex")

SEED = 20_261_123


class Fate(Enum):
    """What becomes of a client while events flow."""

    STEADY = "steady"
    KILLED = "killed"
    """Its connection is reset, and it never comes back."""
    FROZEN = "frozen"
    """It stops reading, and reads on later."""
    RECONNECTING = "reconnecting"
    """Its connection is reset, and it comes back later, with its cursor."""


UNLUCKY = (Fate.KILLED, Fate.FROZEN, Fate.RECONNECTING)


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
        channels: Half of them of one tenant, half of the other; their filters are the same, pair by pair.
        rate: Events a second, each in one channel, one channel after the other.
        unlucky: How many clients are killed; as many are frozen, and as many reconnect.
    """

    clients: int
    channels: int
    rate: int
    seconds: int
    unlucky: int

    @property
    def events(self) -> int:
        return self.rate * self.seconds


@dataclass(frozen=True)
class Seat:
    """A client's place in the crowd.

    Attributes:
        topic: The service that its filter asks for; the other tenant has a channel of the same filter.
        at: Seconds after the first event at which its fate begins.
        until: When it ends, where it does.
    """

    name: str
    tenant: str
    topic: str
    fate: Fate = Fate.STEADY
    at: float = 0
    until: float = 0


@dataclass(frozen=True)
class Happening:
    """An event of one channel.

    Attributes:
        at: Seconds after the first one at which it is due.
    """

    number: int
    tenant: str
    topic: str
    at: float


def channels(size: Size, mark: str) -> list[tuple[str, str]]:
    """Tenant and topic of each channel."""
    return [(TENANTS[number % 2], f"{mark}-{number // 2}") for number in range(size.channels)]


def seats(size: Size, mark: str) -> list[Seat]:
    """Everybody, evenly over the channels, and fates drawn by lot.

    Whatever becomes of somebody begins and ends while events still come in every channel.
    """
    lot = random.Random(SEED)  # noqa: S311 - a draw that is the same every time
    unlucky = lot.sample(range(size.clients), 3 * size.unlucky)
    fates = {number: UNLUCKY[place % 3] for place, number in enumerate(unlucky)}
    sitting = []
    for number in range(size.clients):
        tenant, topic = channels(size, mark)[number % size.channels]
        at = size.seconds * lot.uniform(0.15, 0.45)
        until = at + size.seconds * lot.uniform(0.2, 0.35)
        fate = fates.get(number, Fate.STEADY)
        sitting.append(Seat(f"{mark}-client-{number}", tenant, topic, fate, at, until))
    return sitting


def happenings(size: Size, mark: str) -> Iterator[Happening]:
    """The events, in order."""
    known = channels(size, mark)
    for number in range(size.events):
        tenant, topic = known[number % size.channels]
        yield Happening(number, tenant, topic, number / size.rate)


def first(size: Size, mark: str) -> Iterator[Happening]:
    """An event of each channel before the others."""
    for number, (tenant, topic) in enumerate(channels(size, mark)):
        yield Happening(size.events + number, tenant, topic, 0)
