"""A queue with visibility time-outs, and its dead letters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.core.model import DeadLetter, Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.ports import Clock


@dataclass(slots=True)
class _Place:
    delivery: Delivery
    visible: int


class MemoryQueues:
    """``ports.Queues`` in memory.

    Args:
        clock: By which deliveries become visible again.

    Attributes:
        letters: What was dead-lettered, in order.
        taking: Whether the dead-letter queue takes anything.
    """

    def __init__(self, clock: Clock) -> None:
        self.letters: list[DeadLetter] = []
        self.taking = True
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._sent = 0

    def dead_letter(self, letters: Sequence[DeadLetter]) -> Sequence[bool]:
        """Keep the letters; for each whether it was taken."""
        if self.taking:
            self.letters += letters
        return [self.taking] * len(letters)

    def put_off(self, delays: Sequence[tuple[str, int]]) -> None:
        """Keep each receipt's delivery invisible for so many more seconds; an unknown receipt is let be."""
        for receipt, seconds in delays:
            for place in self._places.values():
                if place.delivery.receipt == receipt:
                    place.visible = self._clock.now() + seconds * 1_000

    def depths(self) -> Mapping[str, int]:
        """Number of deliveries: ``waiting``, ``in_flight``, ``dead``."""
        waiting = sum(place.visible <= self._clock.now() for place in self._places.values())
        return {"waiting": waiting, "in_flight": len(self._places) - waiting, "dead": len(self.letters)}

    def send(self, body: str) -> str:
        """Put a body into the queue, as its sender; the delivery's id."""
        self._sent += 1
        delivery = Delivery(id=f"delivery-{self._sent}", body=body, receives=0, sent=self._clock.now())
        self._places[delivery.id] = _Place(delivery, visible=delivery.sent or 0)
        return delivery.id

    def receive(self, most: int, visibility: int = 30) -> Sequence[Delivery]:
        """Take up to so many visible deliveries and hide each for so many seconds, as the source does."""
        now = self._clock.now()
        visible = [place for place in self._places.values() if place.visible <= now][:most]
        for place in visible:
            receives = (place.delivery.receives or 0) + 1
            receipt = f"{place.delivery.id}/{receives}"
            place.delivery = replace(place.delivery, receives=receives, receipt=receipt)
            place.visible = now + visibility * 1_000
        return [place.delivery for place in visible]

    def delete(self, delivery_id: str) -> None:
        """Take a delivery out for good, as the event source does with those that did not fail."""
        self._places.pop(delivery_id, None)
