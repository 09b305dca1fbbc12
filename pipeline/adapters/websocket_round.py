"""The posts of one round: which is due, what its answer means, and whether any endpoint works at all.

No I/O and no clock: what is due is asked with the time, and what came is told.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from pipeline.core.audience import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.adapters.websocket_wires import Answer
    from pipeline.core.audience import Post

PAUSES = (200, 800)
"""Milliseconds before the second and the third attempt, half to one and a half of it by chance. A 429
may be the account's limit or one slow browser's full buffer: no reason to hold up the others."""

FORBIDDEN = 403

RECEIPTS = {200: Receipt.POSTED, 204: Receipt.POSTED, 410: Receipt.GONE} | dict.fromkeys(
    (400, FORBIDDEN, 413), Receipt.REFUSED
)
"""What an answer's status settles; any other is tried again.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

NOT_OURS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Errors of a 403 that speak of the role, its credentials or the clock, and so of every post alike. A wrong
stage or API is a plain ``ForbiddenException``, which may as well be about one connection.
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html"""


@dataclass(slots=True, repr=False, eq=False)
class _Endpoint:
    """An endpoint in this round.

    Attributes:
        next: Posts that may go as soon as there is room.
        later: When and which, of each post that is tried again.
        under_way: Attempts.
        connections: How many are posted to here.
        forbidden: How many of them were refused by a 403.
        reached: Whether anybody was there.
        closed: Until when nothing is sent, since nobody was there yet.
        works: Whether an answer showed that our requests are taken here.
        trouble: Why the rest of its posts is not sent; empty as long as they are.
    """

    next: deque[int] = field(default_factory=deque)
    later: list[tuple[int, int]] = field(default_factory=list)
    under_way: int = 0
    connections: int = 0
    forbidden: int = 0
    reached: bool = False
    closed: int = 0
    works: bool = False
    trouble: str = ""

    def wakes(self, share: int) -> int | None:
        """When its next post may be sent without another making room."""
        if self.under_way >= share:
            return None
        if self.next:
            return self.closed
        return self.later[0][0] if self.later else None

    def first(self) -> int:
        """The number of that post."""
        return self.next[0] if self.next else self.later[0][1]

    def take(self) -> None:
        """Send it."""
        self.under_way += 1
        if self.next:
            self.next.popleft()
        else:
            heappop(self.later)

    def try_again(self, number: int, when: int) -> None:
        """Send a post again at this time: behind the others, or before them if nobody was there yet."""
        if self.trouble:
            return
        if self.reached:
            heappush(self.later, (when, number))
        else:
            self.next.appendleft(number)
            self.closed = max(self.closed, when)

    def give_up(self, trouble: str) -> None:
        """Send no more posts here, unless something worked: then it is not about the endpoint."""
        if not self.works:
            self.trouble = self.trouble or trouble
            self.next.clear()
            self.later.clear()

    def found(self) -> str:
        """What keeps it from working; empty where something worked, or where there is no telling."""
        if self.works:
            return ""
        if not self.trouble and self.forbidden == self.connections > 1:
            return "every connection was refused (403 ForbiddenException): is it the right API and stage?"
        return self.trouble


class Round:
    """All posts of one call.

    Of each connection's posts one at a time is under way, in their order. Those of several endpoints have
    equal parts of the room, so that one that nobody answers at leaves the others theirs.

    Args:
        posts: What is to be sent.
        room: How many may be under way at once.

    Attributes:
        receipts: For every post; LAGGED until it is settled.
        attempts: For every post, how often it was sent.
    """

    def __init__(self, posts: Sequence[Post], room: int) -> None:
        self.receipts = [Receipt.LAGGED] * len(posts)
        self.attempts = [0] * len(posts)
        lines: dict[tuple[str, str], deque[int]] = {}
        endpoints: dict[str, _Endpoint] = {}
        self._brief = [post.brief for post in posts]
        self._lines: list[deque[int]] = []
        self._places: list[_Endpoint] = []
        for number, post in enumerate(posts):
            place = endpoints.setdefault(post.endpoint, _Endpoint())
            line = lines.setdefault((post.endpoint, post.connection_id), deque())
            if not line:
                place.connections += 1
                place.next.append(number)
            line.append(number)
            self._lines.append(line)
            self._places.append(place)
        self._endpoints = endpoints
        self._share = max(1, room // max(1, len(endpoints)))

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return not any(place.next or place.later or place.under_way for place in self._endpoints.values())

    def due(self, now: int) -> int | None:
        """The number of a post that may be sent, if there is one."""
        for place in self._endpoints.values():
            when = place.wakes(self._share)
            if when is not None and when <= now:
                return place.first()
        return None

    def wakes(self) -> int | None:
        """When the next post may be sent that no other has to make room for."""
        found = (place.wakes(self._share) for place in self._endpoints.values())
        return min((when for when in found if when is not None), default=None)

    def start(self, number: int) -> None:
        """Note that the post that was found due is sent."""
        self._places[number].take()
        self.attempts[number] += 1

    def answered(self, number: int, answer: Answer, now: int, jitter: float) -> None:
        """Note what came of an attempt.

        Args:
            jitter: A share, 0 ≤ x < 1, of the pause before the next.
        """
        place = self._places[number]
        place.under_way -= 1
        if answer.reached:
            place.reached, place.closed = True, 0
        receipt = RECEIPTS.get(answer.status)
        if answer.status == FORBIDDEN:
            place.forbidden += 1
            if answer.error in NOT_OURS:
                receipt = Receipt.LAGGED
                place.give_up(f"{answer.error}: {answer.text}")
        elif receipt:
            place.works = True
        if receipt:
            self._settle(number, receipt)
        elif self._is_last(number, answer):
            self._settle(number, Receipt.LAGGED)
            if not place.reached:
                place.give_up(answer.text)
        else:
            pause = PAUSES[self.attempts[number] - 1] * (0.5 + jitter)
            place.try_again(number, now + int(pause))

    def _is_last(self, number: int, answer: Answer) -> bool:
        """Whether a post that was not taken is tried no more; where nobody was there, all tries are made."""
        brief = self._brief[number] and answer.reached
        return brief or answer.hopeless or self.attempts[number] > len(PAUSES)

    def trouble(self) -> str:
        """What keeps every endpoint from working, with its address; empty where one works, or may work."""
        found = {endpoint: place.found() for endpoint, place in self._endpoints.items()}
        if not all(found.values()):
            return ""
        return "; ".join(f"{endpoint}: {trouble}" for endpoint, trouble in found.items())

    def _settle(self, number: int, receipt: Receipt) -> None:
        line, place = self._lines[number], self._places[number]
        if receipt is not Receipt.POSTED:
            for unposted in line:
                self.receipts[unposted] = receipt
            return
        self.receipts[line.popleft()] = receipt
        if line and not place.trouble:
            place.next.append(line[0])
