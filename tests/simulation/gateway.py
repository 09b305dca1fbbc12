"""API Gateway: connections that break in every way, and the posts that go through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.audience import Receipt
from pipeline.core.errors import Unavailable
from tests.simulation.rules import restamped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.audience import Post
    from tests.simulation.invocation import Invocation, Surroundings

SHORTEST_GONE, LONGEST_GONE = 1_000, 120_000
"""Milliseconds after which the gateway notices that nobody is at the other end."""


class Line:
    """One connection, as its two ends see it.

    Attributes:
        open: Whether the gateway takes posts for it; else it answers 410.
        flowing: Whether what is sent arrives.
        busy_until: Until when posts to it are refused for the moment.

    Args:
        is_reading: Tells whether a catch-up is under way on it.
    """

    def __init__(
        self,
        name: str,
        around: Surroundings,
        hear: Callable[[bytes], None],
        closed: Callable[[], None],
        is_reading: Callable[[], bool],
    ) -> None:
        self.name = name
        self.is_reading = is_reading
        self.open = True
        self.flowing = True
        self.busy_until = 0
        self._around = around
        self._hear = hear
        self._closed = closed
        self._last = 0

    def post(self, frame: bytes) -> bool:
        """Send a frame to the client; whether the gateway took it."""
        if not self.open:
            return False
        baton, chance = self._around.baton, self._around.chance
        self._last = max(self._last, baton.now + round(chance.uniform(1, self._around.weather.hop)))
        baton.at(self._last, lambda: self._arrive(frame))
        return True

    def close(self) -> None:
        """End it from the server's side: after the frames on their way, the client is told."""
        if self.open:
            self.open = False
            self._around.baton.at(self._last, self._ended)

    def vanish(self) -> None:
        """Lose the client without a word; the gateway will notice some time."""
        self.flowing = False
        after = self._around.chance.uniform(SHORTEST_GONE, LONGEST_GONE)
        self._around.baton.after(after, self._gone)

    def hang_up(self) -> None:
        """End it from the client's side."""
        self.open = self.flowing = False

    def _arrive(self, frame: bytes) -> None:
        if self.flowing:
            self._hear(frame)

    def _ended(self) -> None:
        if self.flowing:
            self.flowing = False
            self._closed()

    def _gone(self) -> None:
        self.open = False


class Gateway:
    """All connections."""

    def __init__(self, around: Surroundings) -> None:
        self.lines: dict[str, Line] = {}
        self._around = around

    def open(
        self,
        name: str,
        hear: Callable[[bytes], None],
        closed: Callable[[], None],
        is_reading: Callable[[], bool],
    ) -> Line:
        """Open a connection."""
        line = self.lines[name] = Line(name, self._around, hear, closed, is_reading)
        return line


class Posts:
    """``ports.connections.Sockets`` as one invocation has them.

    Args:
        off: Names of the rules that do not hold here.
        first: Called before a round of posts.
        answers: Whether these are the answers to a client's frames.
    """

    def __init__(
        self,
        gateway: Gateway,
        run: Invocation,
        off: frozenset[str],
        first: Callable[[Sequence[Post]], None],
        *,
        answers: bool = False,
    ) -> None:
        self._answers = answers
        self._gateway = gateway
        self._run = run
        self._off = off
        self._first = first

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:
        """Each connection's frames one after another, the connections side by side, until the deadline."""
        self._first(posts)
        run, weather = self._run, self._run.around.weather
        run.before("post")
        if run.happens(weather.wires_down):
            run.tell("post: no endpoint answers")
            raise Unavailable("API Gateway", "a fault was asked for")
        baton, until = run.around.baton, run.true(deadline)
        receipts: list[Receipt] = [Receipt.LAGGED] * len(posts)
        failed: dict[str, Receipt] = {}
        for when, place in self._arranged(posts):
            post = posts[place]
            if post.connection_id in failed:
                receipts[place] = failed[post.connection_id]
                continue
            if max(when, baton.now) >= until:
                if baton.now < until:
                    run.before("the deadline", until - baton.now)
                failed[post.connection_id] = Receipt.LAGGED
                self._out_of_time(post)
                continue
            run.before("a post", max(0, when - baton.now))
            receipts[place] = self._post(post)
            if receipts[place] is not Receipt.POSTED:
                failed[post.connection_id] = receipts[place]
            run.after("a post")
        return receipts

    def close(self, connection_id: str, endpoint: str) -> None:  # noqa: ARG002 - there is but one
        self._run.before("close")
        if connection_id in self._gateway.lines:
            self._gateway.lines[connection_id].close()
        self._run.after("close")

    def close_all(self, connections: Sequence[tuple[str, str]], deadline: int) -> Sequence[bool]:
        """One after another; what is not begun by the deadline stays open."""
        closed = []
        for connection_id, endpoint in connections:
            in_time = self._run.now() < deadline
            if in_time:
                self.close(connection_id, endpoint)
            closed.append(in_time)
        return closed

    def _arranged(self, posts: Sequence[Post]) -> list[tuple[int, int]]:
        """When each post is carried out, in that order."""
        run = self._run
        times: dict[str, float] = {}
        arranged = []
        for place, post in enumerate(posts):
            took = run.around.chance.uniform(1, 30)
            if run.happens(run.around.weather.slow_post * 0.3):
                took = run.around.chance.uniform(500, 15_000)
            times[post.connection_id] = times.get(post.connection_id, run.around.baton.now) + took
            arranged.append((round(times[post.connection_id]), place))
        return sorted(arranged)

    def _post(self, post: Post) -> Receipt:
        run, chance = self._run, self._run.around.chance
        line = self._gateway.lines.get(post.connection_id)
        now = run.around.baton.now
        if line is None or not line.open:
            run.tell(f"post to {post.connection_id}: 410")
            return Receipt.GONE
        frame = restamped(post.frame, run.now()) if "announcing clock" in self._off else post.frame
        if not self._answers and line.is_reading() and run.happens(run.around.weather.deaf):
            run.tell(f"post to {post.connection_id}: refused")
            return Receipt.LAGGED
        if run.happens(run.around.weather.slow_post * 0.3):
            line.busy_until = now + chance.choice([0, 3_000, 20_000])
        if now <= line.busy_until and not run.around.weather.calm:
            carried_out = chance.random() < 0.3 and line.post(frame)
            run.tell(f"post to {post.connection_id}: refused{' but carried out' if carried_out else ''}")
            return Receipt.LAGGED
        line.post(frame)
        run.tell(f"post to {post.connection_id}: {frame.decode()[:300]}")
        return Receipt.POSTED

    def _out_of_time(self, post: Post) -> None:
        """What was on its way at the deadline may arrive all the same."""
        line = self._gateway.lines.get(post.connection_id)
        if line and self._run.around.chance.random() < 0.3:
            self._run.around.baton.after(
                self._run.around.chance.uniform(0, 5_000), lambda: line.post(post.frame)
            )
        self._run.tell(f"post to {post.connection_id}: out of time")
