"""One run of a function: every call that it makes is a step, and at every step something can happen to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.core.slow import SlowOnes
from pipeline.refreshing import Refresher
from pipeline.registry import Registry
from tests.simulation.baton import Killed

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.simulation.baton import Baton
    from tests.simulation.weather import Weather

MOST_STEPS = 40
"""Steps before which an invocation that is to die has died, or is done."""


@dataclass(slots=True)
class Container:
    """What is kept between invocations, and the clock of its machine.

    Attributes:
        offset: By how many milliseconds its clock is ahead of the true time.
    """

    name: str
    offset: int
    registry: Registry = field(default_factory=Registry)
    refresher: Refresher = field(default_factory=Refresher)
    slow: SlowOnes = field(default_factory=SlowOnes)


@dataclass(slots=True)
class Surroundings:
    """What all invocations of a world share.

    Attributes:
        tell: Takes who did what, for those who look on.
    """

    baton: Baton
    chance: Random
    weather: Weather
    tell: Callable[[str, str], None]


class Invocation:
    """A run of a function, and its clock (``ports.clock.Clock``).

    Args:
        seconds: When it is ended, if it has not ended by itself.
        frozen: Whether its clock stands still.
        slow: Whether its calls take seconds more often.
    """

    def __init__(
        self,
        around: Surroundings,
        container: Container,
        seconds: float,
        *,
        frozen: bool = False,
        slow: bool = False,
    ) -> None:
        self.around = around
        self.container = container
        self.ends = around.baton.now + round(seconds * 1_000)
        self._stands = self._clock() if frozen else None
        self._behind: int | None = None
        self._dead = False
        fated = not around.weather.calm and around.chance.random() < around.weather.crash
        self._dies_at = around.chance.randrange(MOST_STEPS) if fated else -1
        self._place = 0
        paces = [30, 3_000, 10_000] if slow and not around.weather.calm else [5, 30, around.weather.pace]
        self._pace = around.chance.choice(paces)

    @property
    def deadline(self) -> int:
        """When the story has to be done, on its own clock; a second is kept for the answer."""
        return self.ends + self.container.offset - 1_000

    def true(self, moment: int) -> int:
        """The true time of a moment of its own clock."""
        return moment - self.container.offset

    # --- ports.clock.Clock --------------------------------------------------------------------------

    def now(self) -> int:
        behind, self._behind = self._behind, None
        return behind or self._stands or self._clock()

    def look_back(self, moment: int) -> None:
        """Have the next look at the clock show this moment."""
        self._behind = moment

    def sleep(self, seconds: float) -> None:
        self._wait(seconds * 1_000)

    def jitter(self) -> float:
        return self.around.chance.random()

    # --- steps --------------------------------------------------------------------------------

    def happens(self, share: float) -> bool:
        """Whether one of the weather's faults strikes now."""
        return share > 0 and not self.around.weather.calm and self.around.chance.random() < share

    def before(self, step: str, milliseconds: float | None = None) -> None:
        """Let time pass before a call is carried out; the end may come instead.

        Raises:
            Killed: It has come.
        """
        around = self.around
        if self._dead:
            raise Killed
        took = around.chance.uniform(1, self._pace) if milliseconds is None else milliseconds
        if self.happens(around.weather.stall):
            took += around.chance.uniform(500, around.weather.stalls)
            self.tell(f"freezes before {step}")
        self._wait(took)
        self._pass_by(f"before {step}")

    def freeze(self, step: str, milliseconds: float) -> None:
        """Stand still for a while.

        Raises:
            Killed: The end has come.
        """
        self.tell(f"freezes before {step}")
        self.before(step, milliseconds)

    def after(self, step: str) -> None:
        """Go by the place behind a call.

        Raises:
            Killed: The end has come.
        """
        self._pass_by(f"after {step}")

    def tell(self, what: str) -> None:
        """Say what was done."""
        self.around.tell(self.container.name, what)

    def _wait(self, milliseconds: float) -> None:
        if self._dead:
            raise Killed
        baton = self.around.baton
        baton.pause(min(milliseconds, max(0, self.ends - baton.now)))
        if baton.now >= self.ends:
            self.tell("is out of time")
            self._die()

    def _pass_by(self, place: str) -> None:
        if self._dead:
            raise Killed
        if self._place == self._dies_at:
            self.tell(f"dies {place}")
            self._die()
        self._place += 1

    def _die(self) -> None:
        self._dead = True
        raise Killed

    def _clock(self) -> int:
        return self.around.baton.now + self.container.offset
