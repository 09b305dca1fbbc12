"""The part of indexing that comes before the index: deliveries -> events -> documents.

Events whose like was seen before take the short way (``core.fill``), many at a time; all others the long one:
parse, route, normalise. Both make the same documents, and only the long one rejects.
"""

from __future__ import annotations

import traceback
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.core import bulk, derive, fill, instant, normalise, parse, route
from pipeline.core.arrival import Arrival
from pipeline.core.errors import Rejected
from pipeline.core.model import DeadLetter
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.core.model import Delivery

TOGETHER = 500
"""Deliveries whose documents are made together, before the first of them is sent."""


@noun
class Arrivals:
    """Makes documents of what one invocation was handed.

    Attributes:
        kinds: What earlier events have taught; grows.
        now: When it was handed over, in ms.
        single_tenant: Whether all events belong to the default tenant.
    """

    routes: route.Routes
    kinds: fill.Kinds
    now: int
    single_tenant: bool

    def of(self, deliveries: Iterable[Delivery]) -> Iterator[Arrival]:
        """Each delivery with its document, or with the reason why it can have none; in order."""
        unmade = iter(deliveries)
        while part := list(islice(unmade, TOGETHER)):
            for delivery, filled in zip(part, self._short(part), strict=True):
                yield _filled(delivery, filled) if filled else self._made(delivery)

    def rewritten(self, arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
        """Those that the cluster refused as the event wrote them, made by the long way.

        It writes a key once that stood twice in one object, or rejects what is beyond it.
        """
        for arrival in arrivals:
            if arrival.verbatim and arrival.letter and arrival.letter.reason in bulk.DOCUMENT_ERRORS:
                anew = self._made(arrival.delivery)
                arrival.verbatim, arrival.letter, arrival.document = False, anew.letter, anew.document
                yield arrival

    def _short(self, deliveries: Sequence[Delivery]) -> Sequence[fill.Filled | None]:
        try:
            return fill.documents([delivery.body for delivery in deliveries], self.kinds, self.now)
        except Exception:  # noqa: BLE001 - a defect of the short way costs these events time, never the batch
            return [None] * len(deliveries)

    def _made(self, delivery: Delivery) -> Arrival:
        try:
            event = parse.event(delivery.body)
            chosen = route.choose(event, self.routes)
            document = normalise.normalise(event, chosen, single_tenant=self.single_tenant, now=self.now)
        except Rejected as rejected:
            return Arrival(delivery, letter=DeadLetter(delivery, rejected.reason, rejected.text))
        except Exception:  # noqa: BLE001 - a defect of ours costs this one event a detour, never the batch
            return Arrival(delivery, letter=DeadLetter(delivery, "defect", traceback.format_exc()))
        self.kinds.learn(event.source, event.detail_type, chosen, single_tenant=self.single_tenant)
        # The event itself goes: to keep all that was parsed until the end takes longer than to parse it.
        replayed = event.replay is not None
        plain = derive.surely_plain(delivery, event.time, replayed=replayed)
        return Arrival(delivery, chosen, document, replayed, plain)


def _filled(delivery: Delivery, filled: fill.Filled) -> Arrival:
    envelope, chosen, document = filled
    replayed = envelope.replay is not None
    plain = derive.surely_plain(delivery, instant.read(envelope.time), replayed=replayed)
    return Arrival(delivery, chosen, document, replayed, plain, verbatim=True)
