"""What a client runs on: it connects, breaks off, sleeps, comes back, and carries frames both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.baton import START

if TYPE_CHECKING:
    from tests.simulation.client import Client
    from tests.simulation.gateway import Line
    from tests.simulation.world import World

OPENING = 10_000
"""Milliseconds that an attempt to connect may take."""


class Device:
    """One person's page, with its client.

    Attributes:
        stays: Whether its connection breaks no more.
    """

    def __init__(self, name: str, tenant: str, client: Client, world: World) -> None:
        self.name = name
        self.tenant = tenant
        self.client = client
        self.line: Line | None = None
        self._world = world
        self._connections = 0
        self._attempt = 0
        self._wake_at = -1
        self.stays = False

    @property
    def is_live(self) -> bool:
        """Whether it believes that nothing is missing."""
        return self.line is not None and self.client.is_live

    # --- coming and going ---------------------------------------------------------------------

    def dial(self) -> None:
        """Try to connect."""
        self._connections += 1
        attempt = self._attempt = self._connections
        name = f"{self.name}/{attempt}"
        world = self._world
        world.functions.connect(name, self.tenant, lambda good: self._dialled(name, attempt, good=good))
        world.baton.after(OPENING, lambda: self._given_up(attempt))

    def _dialled(self, name: str, attempt: int, *, good: bool) -> None:
        if self._attempt != attempt:
            return
        self._attempt = 0
        if not good:
            self._come_back()
            return
        self.line = self._world.gateway.open(name, self._hear, self._closed, self.is_reading)
        self._world.tell(self.name, f"is connected as {name}")
        self.client.opened(self._world.baton.now)
        self.look()

    def _given_up(self, attempt: int) -> None:
        if self._attempt == attempt:
            self._attempt = 0
            self._come_back()

    def _closed(self) -> None:
        """The server has closed the connection."""
        self._world.tell(self.name, "is told that its connection was closed")
        self.line = None
        self._come_back()

    def cut(self) -> None:
        """Break the connection, in one of the ways in which they break."""
        world, line = self._world, self.line
        if line is None or self.stays:
            return
        if world.happens(world.weather.half_open):
            world.tell(self.name, "loses its connection and does not know")
            line.vanish()
            return
        self._leave(line)

    def hop(self, *, stays: bool, away: tuple[int, int] = (50, 3_000)) -> None:
        """Leave and come back soon.

        Args:
            stays: Whether this is the last time: what it missed then, no later resume finds.
            away: For how many milliseconds, at least and at most.
        """
        if self.line is not None and not self.stays:
            self.stays = stays
            self._leave(self.line, self._world.chance.uniform(*away))

    def _leave(self, line: Line, away: float | None = None) -> None:
        world = self._world
        if world.happens(world.weather.lost_goodbye):
            world.tell(self.name, "leaves; nobody is told")
            line.vanish()
        else:
            world.tell(self.name, "leaves")
            line.hang_up()
            world.functions.disconnect(line.name)
        self.line = None
        self._come_back(away)

    def _come_back(self, away: float | None = None) -> None:
        world = self._world
        if away is None:
            away = world.chance.uniform(50, 3_000)
            if world.happens(world.weather.nap):
                away = world.chance.uniform(5_000, 90_000)
        world.baton.after(away, self.dial)

    # --- frames -------------------------------------------------------------------------------

    def look(self) -> None:
        """Send what is due, and come again when something else will be."""
        world = self._world
        if self.line is None:
            return
        if self.client.is_dead(world.baton.now):
            world.tell(self.name, "finds its connection dead")
            line, self.line = self.line, None
            if line.open:
                line.vanish()
            self._come_back()
            return
        for text in self.client.due(world.baton.now):
            world.tell(self.name, f"sends {text}")
            self._send(self.line, text)
        wake_at = max(self.client.wake_at(), world.baton.now + 1)
        if wake_at != self._wake_at:
            self._wake_at = wake_at
            world.baton.at(wake_at, self._woken)

    def _woken(self) -> None:
        if self._wake_at == self._world.baton.now:
            self._wake_at = -1
            self.look()

    def is_reading(self) -> bool:
        """Whether a catch-up is in its middle."""
        return any(each.phase.name == "CATCHING_UP" for each in self.client.subscriptions)

    def is_paging(self) -> bool:
        """Whether a catch-up has come to a page that is not its last."""
        subscriptions = self.client.subscriptions
        return self.is_reading() and any((each.cursor or "").startswith("P") for each in subscriptions)

    def _send(self, line: Line, text: str) -> None:
        world = self._world

        def arrive() -> None:
            if line.flowing and line.open:
                world.functions.message(line, text)

        world.baton.after(world.chance.uniform(1, world.weather.hop), arrive)

    def _hear(self, frame: bytes) -> None:
        self._world.tell(self.name, f"gets {frame.decode()[:400]}")
        self.client.received(frame, self._world.baton.now)
        if self._is_torn(frame):
            self._world.baton.after(self._world.chance.uniform(0, 300), lambda: self.hop(stays=True))
        self.look()

    def _is_torn(self, frame: bytes) -> bool:
        """Whether the connection breaks behind this frame of a catch-up."""
        world, weather = self._world, self._world.weather
        if world.happens(weather.torn_pages) and self.is_reading():
            return True
        late_enough = world.baton.now >= START + weather.torn_from
        return late_enough and b'"type":"live"' in frame and world.happens(weather.torn_ends)
