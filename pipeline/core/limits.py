"""Stage: hold what a tenant has and asks for against what it may.

Counts and rates come in as values, or as the time; who counts, and where, is told in ``limiting``.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from pipeline.core.errors import Refused
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Collection

BURST = 20
"""Seconds' worth of requests that may come at once: after an outage all clients of a tenant come together."""

PATIENCE = 10
"""Seconds by which a connection may be ahead of its rate before it is closed."""

MOST_NAMES = 10_000
"""Names that a meter remembers; who has not been heard of for longest is forgotten, as if never heard of."""


TOKEN = 1_000
"""What one request takes out of a bucket, in thousandths: a rate per second fills it by the millisecond."""


@noun
class Limits:
    """What may be had, and asked for.

    Attributes:
        connections: Open connections of a tenant.
        channels: What the different filters of a tenant that are subscribed to may weigh, in plain ones.
        subscriptions: Filters of one connection.
        subscribes: Per second: subscribes of a tenant, and frames of one connection.
        hits: Per second: pages that a tenant asks for, by ``GET /v1/hits`` or by ``more``.
    """

    connections: int
    channels: int
    subscriptions: int
    subscribes: int
    hits: int


class Meter:
    """A token bucket for each of many names, filled by the time that callers tell.

    Args:
        rate: Tokens that come per second.
        burst: Tokens that a bucket holds.
        debt: Tokens that may be owed: asking in vain then costs too. 0: it costs nothing.
    """

    def __init__(self, rate: int, burst: int, debt: int = 0) -> None:
        self._rate = rate
        self._burst = burst * TOKEN
        self._debt = debt * TOKEN
        self._levels: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def take(self, name: str, now: int) -> int:
        """Take a token.

        Args:
            name: Whose.
            now: Milliseconds since the epoch; a clock that goes back brings nothing.

        Returns:
            0 where there was one; else the milliseconds after which there is, if nobody takes it before.
        """
        level, since = self._levels.pop(name, (self._burst, now))
        level = min(self._burst, level + max(0, now - since) * self._rate)
        there = level >= TOKEN
        if there:
            level -= TOKEN
        elif self._debt:
            level = max(level - TOKEN, -self._debt)
        self._levels[name] = (level, max(now, since))
        if len(self._levels) > MOST_NAMES:
            self._levels.popitem(last=False)
        return 0 if there else -(-(TOKEN - level) // self._rate)


def frames(limits: Limits) -> Meter:
    """Make the meter of frames per connection: a client may subscribe to all it may have at once."""
    return Meter(limits.subscribes, limits.subscriptions, debt=limits.subscribes * PATIENCE)


def subscribes(limits: Limits) -> Meter:
    """Make the meter of subscribes per tenant."""
    return Meter(limits.subscribes, limits.subscribes * BURST)


def hits(limits: Limits) -> Meter:
    """Make the meter of pages per tenant, by ``GET /v1/hits`` or by ``more``."""
    return Meter(limits.hits, limits.hits * BURST)


def flooding(wait: int) -> bool:
    """Tell whether a connection goes on asking though it was told to wait.

    Args:
        wait: What its meter answered, in milliseconds.
    """
    return wait >= PATIENCE * 1_000


def hold_rate(wait: int, what: str) -> None:
    """Let pass what need not wait.

    Args:
        wait: What the meter answered, in milliseconds.
        what: Of what there are too many, for the error.

    Raises:
        Refused: ``too-many-requests``, with the seconds to wait.
    """
    if wait:
        seconds = -(-wait // 1_000)
        raise Refused("too-many-requests", f"Too many {what}: try again in {seconds} s.", wait=seconds)


def hold_connections(limits: Limits, there: int) -> None:
    """Let another connection of a tenant in, or not.

    Args:
        limits: What may be had.
        there: How many there are.

    Raises:
        Refused: ``too-many-connections``.
    """
    if there >= limits.connections:
        raise Refused(
            "too-many-connections",
            f"Your tenant has {limits.connections} open connections, the most there may be: close some, "
            "or have several subscriptions on one.",
            wait=PATIENCE,
        )


def hold_subscriptions(limits: Limits, held: Collection[str], channel_id: str) -> None:
    """Let a connection subscribe to another channel, or not; subscribing again is always let pass.

    Args:
        limits: What may be had.
        held: Ids of the channels that it is subscribed to.
        channel_id: The channel that it asks for.

    Raises:
        Refused: ``too-many-subscriptions``.
    """
    if len(held) >= limits.subscriptions and channel_id not in held:
        raise Refused(
            "too-many-subscriptions",
            f"This connection has {len(held)} subscriptions, the most there may be: unsubscribe from some, "
            "or ask for more in one filter.",
        )


def hold_channels(limits: Limits, there: int, weight: int) -> None:
    """Let a tenant have another channel, or not.

    Args:
        limits: What may be had.
        there: What the tenant's channels weigh.
        weight: What the one weighs that is asked for.

    Raises:
        Refused: ``too-many-channels``.
    """
    if there + weight > limits.channels:
        heavy = "" if weight == 1 else f" This one weighs {weight}: ask for fewer values, or without $or."
        raise Refused(
            "too-many-channels",
            f"Your tenant's different filters weigh {there} of {limits.channels}, the most there may be: let "
            f"clients share filters, and choose among their hits themselves.{heavy}",
        )
