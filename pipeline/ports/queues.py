"""Where events and deltas wait or travel: SQS and EventBridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.core.letters import Letter
    from pipeline.core.model import DeadLetter, Entry


class DeltaBus(Protocol):
    """EventBridge: the bus on which deltas travel."""

    def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """One PutEvents call of at most 10 entries; for each, in order, whether it was accepted.

        A call that failed as a whole accepts none. Never raises for what the service did.
        """


class Queues(Protocol):
    """SQS: the queue that feeds a function, and its dead-letter queue."""

    def dead_letter(self, letters: Sequence[DeadLetter]) -> Sequence[bool]:
        """Send each body, whole, with its reason, error, index and id as attributes.

        Returns:
            For each, in order, whether the dead-letter queue took it.
        """

    def put_off(self, delays: Sequence[tuple[str, int]]) -> None:
        """Keep each receipt's delivery invisible for so many more seconds; best effort."""

    def depths(self) -> Mapping[str, int]:
        """Approximate number of deliveries: ``waiting``, ``in_flight``, ``dead``."""

    def read_letters(self, most: int) -> Iterator[Letter]:
        """Read up to so many dead letters, each once and whole.

        Whoever reads a letter is its only reader for some minutes, or until ``show_again``.

        Raises:
            Unavailable: The dead-letter queue could not be read.
        """

    def show_again(self, receipts: Sequence[str]) -> None:
        """Let others read these letters at once; best effort, for some minutes do the same."""

    def put(self, bodies: Sequence[str]) -> Sequence[bool]:
        """Put each body into the queue, as new.

        Returns:
            For each, in order, whether the queue took it.
        """

    def resend(self, bodies: Sequence[str]) -> Sequence[bool]:
        """Put each body into the queue, marked so that its ``Delivery`` is ``redriven``.

        Returns:
            For each, in order, whether the queue took it.
        """

    def drop(self, receipts: Sequence[str]) -> Sequence[bool]:
        """Take letters out of the dead-letter queue for good; for each, in order, whether it is gone."""
