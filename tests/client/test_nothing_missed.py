"""The rules against a server that does its part and a world that does not: nothing missed, nothing twice."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.client import Hits, Pace, Status, Subscription
from pipeline.client.session import Session

PAGE = 2
PACE = Pace()


def live(at: int) -> str:
    return f"L{at:04}"


def page(at: int) -> str:
    return f"P{9_999 - at:04}"  # sorts by no rule, on purpose


def hits(start: int, end: int) -> list[dict[str, str]]:
    return [{"id": str(number + 1)} for number in range(start, end)]


class Connection:
    """Two functions post to it, so their frames may overtake each other."""

    def __init__(self, subscription: Subscription, told: list[str]) -> None:
        self.session = Session([subscription], PACE, lambda: 0.5, 0)
        self.told = told
        self.asks: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.pushed: list[dict[str, Any]] = []
        self.is_member = False
        self.lagged: int | None = None
        self.until = 0

    def serve(self, now: int) -> None:
        """The message function takes one frame of the client's; ``now`` events have been announced."""
        if not self.asks:
            return
        ask = self.asks.pop(0)
        said = {"id": ask["id"], "channel": "c"}
        after = int(ask["cursor"][1:])
        after = 9_999 - after if ask["cursor"].startswith("P") else after
        if ask["type"] == "subscribe":
            self.is_member, self.until = True, now
            if self.lagged is not None and ask.get("gap") == live(self.lagged):
                self.lagged = None
            self.answers.append({"type": "subscribed", **said})
        to = min(after + PAGE, self.until)
        more = to < self.until
        if to > after:
            found = {"more": more, "cursor": page(to), "hits": hits(after, to)}
            self.answers.append({"type": "hits", **said, **found})
        if not more:
            self.answers.append({"type": "live", **said, "cursor": live(max(after, self.until))})

    def broadcast(self, now: int, *, works: bool) -> None:
        """The broadcast function posts event number ``now``, or cannot."""
        if not self.is_member:
            return
        if not works:
            self.lagged = now - 1 if self.lagged is None else self.lagged
            return
        # First the gap: the cursor of the frame behind it lies beyond what was left out.
        if self.lagged is not None:
            self.pushed.append({"type": "gap", "channel": "c", "since": live(self.lagged)})
        self.pushed.append({"type": "hits", "channel": "c", "cursor": live(now), "hits": hits(now - 1, now)})

    def arrive(self, frames: list[dict[str, Any]]) -> None:
        if frames:
            for news in self.session.received(json.dumps({"v": 1, **frames.pop(0)}), 0):
                if isinstance(news, Hits):
                    self.told += [hit["id"] for hit in news.hits]
        self.asks += [json.loads(frame) for frame in self.session.due(0)]


class World:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.subscription = Subscription({}, cursor=live(0))
        self.announced = 0
        self.connection = Connection(self.subscription, self.told)

    def do(self, act: str) -> None:
        match act:
            case "announce" | "fail":
                self.announced += 1
                self.connection.broadcast(self.announced, works=act == "announce")
            case "serve":
                self.connection.serve(self.announced)
            case "answer":
                self.connection.arrive(self.connection.answers)
            case "push":
                self.connection.arrive(self.connection.pushed)
            case "cut":
                self.connection = Connection(self.subscription, self.told)


ACTS = ["announce", "serve", "answer", "push"] * 4 + ["fail", "cut"]
"""Cuts and failures are rare enough for something to happen between them."""


@settings(max_examples=300)
@given(st.lists(st.sampled_from(ACTS), min_size=30, max_size=150))
def test_whatever_is_cut_overtaken_or_left_out_every_event_is_told_once(acts: list[str]) -> None:
    world = World()
    for act in [*acts, "announce"]:  # a lagged member hears of it with the next frame
        world.do(act)
    for _ in range(20 * (world.announced + 1)):
        for act in ("answer", "push", "serve"):
            world.do(act)
    assert world.subscription.status() is Status.LIVE
    assert len(world.told) == len(set(world.told)), "nothing twice"
    assert set(world.told) == {hit["id"] for hit in hits(0, world.announced)}, "nothing missed"
