"""Put events on the bus, at a pace."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from pipeline.cli.lines import Line

CALL = 10
"""Events a PutEvents call: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""


class Answer(Protocol):
    """What became of one envelope; ``error`` is empty when it was accepted."""

    @property
    def error(self) -> str:
        """Why it was not accepted."""


class Bus(Protocol):
    """The bus of events (``adapters.eventbridge.EventsBus``)."""

    def put_envelopes(self, envelopes: Sequence[Mapping[str, Any]]) -> Sequence[Answer]:
        """Put envelopes; an answer for each, in order."""


@dataclass
class Tally:
    """What became of the events so far.

    Attributes:
        accepted: Taken by the bus.
        failed: Unreadable, or not taken.
        homeless: Accepted, but without a tenant where one is required: nobody will see them.
        failures: Each failed line's place, and why.
    """

    accepted: int = 0
    failed: int = 0
    homeless: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)


def produce(
    lines: Iterable[Line],
    bus: Bus,
    tally: Tally,
    *,
    rate: float | None = None,
    stop: threading.Event | None = None,
    ready: Callable[[], bool] = lambda: True,
    is_homeless: Callable[[Mapping[str, Any]], bool] = lambda _envelope: False,
) -> None:
    """Put all lines on the bus, in order.

    Args:
        lines: May be endless, or wait for more input.
        bus: Where to put them.
        tally: Kept up to date while it goes on.
        rate: Events a second; None for as fast as the bus takes them.
        stop: Ends it, before the next call, when set.
        ready: Whether the next line is there already; a call is not held back for one that is not.
        is_homeless: Whether nobody will see the event.
    """
    stop = stop or threading.Event()
    for call in _calls(lines, rate, stop, ready):
        good = [line for line in call if not line.fault]
        faults = [(line.place, line.fault) for line in call if line.fault]
        answers = bus.put_envelopes([line.envelope for line in good])
        faults += [
            (line.place, answer.error) for line, answer in zip(good, answers, strict=True) if answer.error
        ]
        taken = [line for line, answer in zip(good, answers, strict=True) if not answer.error]
        tally.accepted += len(taken)
        tally.failed += len(faults)
        tally.homeless += sum(is_homeless(line.envelope) for line in taken)
        tally.failures += faults


def _calls(
    lines: Iterable[Line], rate: float | None, stop: threading.Event, ready: Callable[[], bool]
) -> Iterator[list[Line]]:
    """Cut into calls; at a rate, a call carries what is due by then."""
    began = time.monotonic()
    call: list[Line] = []
    for number, line in enumerate(lines, start=1):
        if stop.is_set():
            return
        call.append(line)
        ahead = 0.0 if rate is None else began + number / rate - time.monotonic()
        if len(call) == CALL or ahead > 0 or not ready():
            yield call
            call = []
            stop.wait(max(0.0, ahead))
    if call:
        yield call
