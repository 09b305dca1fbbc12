"""A queue with visibility time-outs, and its dead letters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.core.letters import Letter
from pipeline.core.model import DeadLetter, Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.ports.clock import Clock

HOLD = 600_000
"""Milliseconds for which a letter that is read is hidden from other readers."""


@dataclass(slots=True)
class _Place:
    delivery: Delivery
    visible: int


@dataclass(slots=True)
class _Grave:
    letter: DeadLetter
    sent: int
    visible: int
    given_up: bool = False


class MemoryQueues:
    """``ports.queues.Queues`` in memory.

    Args:
        clock: By which deliveries become visible again.
        most_receives: After so many receives a delivery becomes a dead letter, as a redrive policy has it.

    Attributes:
        taking: Whether the dead-letter queue takes letters, and the queue what is put into it.
    """

    def __init__(self, clock: Clock, most_receives: int = 1_000) -> None:
        self.taking = True
        self._clock = clock
        self._most_receives = most_receives
        self._places: dict[str, _Place] = {}
        self._graves: dict[str, _Grave] = {}
        self._sent = 0

    @property
    def letters(self) -> list[DeadLetter]:
        """What lies in the dead-letter queue, in order, read or not."""
        return [grave.letter for grave in self._graves.values()]

    def dead_letter(self, letters: Sequence[DeadLetter]) -> Sequence[bool]:
        """Keep the letters; for each whether it was taken."""
        if self.taking:
            for letter in letters:
                self._bury(_Grave(letter, self._clock.now(), self._clock.now()))
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
        return {"waiting": waiting, "in_flight": len(self._places) - waiting, "dead": len(self._graves)}

    def read_letters(self, most: int) -> Iterator[Letter]:
        """Read up to so many letters that nobody else is reading."""
        now = self._clock.now()
        visible = [(name, grave) for name, grave in self._graves.items() if grave.visible <= now]
        for name, grave in visible[:most]:
            grave.visible = now + HOLD
            yield Letter(
                name, grave.letter.delivery.body, name, grave.sent, _written(grave.letter), grave.given_up
            )

    def show_again(self, receipts: Sequence[str]) -> None:
        """Let others read these letters at once; an unknown receipt is let be."""
        for receipt in receipts:
            if receipt in self._graves:
                self._graves[receipt].visible = self._clock.now()

    def put(self, bodies: Sequence[str]) -> Sequence[bool]:
        """Put each body into the queue, as new; for each whether it was taken."""
        if self.taking:
            for body in bodies:
                self.send(body)
        return [self.taking] * len(bodies)

    def resend(self, bodies: Sequence[str]) -> Sequence[bool]:
        """Put each body into the queue, marked; all are taken."""
        for body in bodies:
            self.send(body, redriven=True)
        return [True] * len(bodies)

    def drop(self, receipts: Sequence[str]) -> Sequence[bool]:
        """Forget these letters; for each whether it is gone, which it also is if it never was."""
        for receipt in receipts:
            self._graves.pop(receipt, None)
        return [True] * len(receipts)

    def send(self, body: str, *, redriven: bool = False) -> str:
        """Put a body into the queue, as its sender; the delivery's id."""
        self._sent += 1
        name, now = f"delivery-{self._sent}", self._clock.now()
        self._places[name] = _Place(
            Delivery(name, body, receives=0, sent=now, redriven=redriven), visible=now
        )
        return name

    def receive(self, most: int, visibility: int = 30) -> Sequence[Delivery]:
        """Take up to so many visible deliveries and hide each for so many seconds, as the source does."""
        now = self._clock.now()
        self._give_up(now)
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

    def move_letters(self) -> None:
        """Move all letters into the queue, as SQS's own task does: new count, new time, same attributes.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
        """
        for grave in self._graves.values():
            letter = grave.letter
            self.send(letter.delivery.body, redriven=bool(_written(letter)) or letter.delivery.redriven)
        self._graves.clear()

    def _give_up(self, now: int) -> None:
        """Do what a redrive policy does before the next receive."""
        for place in list(self._places.values()):
            if place.visible <= now and (place.delivery.receives or 0) >= self._most_receives:
                self.delete(place.delivery.id)
                sent = place.delivery.sent or 0
                self._bury(_Grave(DeadLetter(place.delivery, "", ""), sent, now, given_up=True))

    def _bury(self, grave: _Grave) -> None:
        self._sent += 1
        self._graves[f"letter-{self._sent}"] = grave


def _written(letter: DeadLetter) -> dict[str, str]:
    said = {
        "reason": letter.reason,
        "id": letter.document_id,
        "index": letter.index,
        "error": letter.error,
    }
    return {name: text for name, text in said.items() if text}
