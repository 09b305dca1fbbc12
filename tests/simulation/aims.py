"""What chance alone would hardly ever bring together: somebody leaves just when it does most harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from pipeline.core import cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Post
    from tests.simulation.device import Device
    from tests.simulation.gateway import Line
    from tests.simulation.invocation import Invocation
    from tests.simulation.world import World

NOT_LATE = 0.1
"""Share of the meetings that there are where nothing is late: each makes one client stay."""


class Aims:
    """The world's malice; it asks the weather each time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def at_posts(self, posts: Sequence[Post], run: Invocation) -> None:
        """Freeze a broadcaster that knows whom it will post to; one of them comes anew meanwhile.

        That is half a minute later, when its cursor has gone on by other frames; then it mostly stays, since
        a later resume would bring what this one has missed.
        """
        world = self._world
        if world.weather.meetings:
            share = 1 if self._late(posts) else NOT_LATE
            if world.happens(world.weather.meetings * share):
                self._meet(posts, run)
            return
        if world.happens(world.weather.met_readers):
            self._meet_reader(posts)
            return
        if not world.happens(world.weather.stalled_posts):
            return
        chance = world.chance
        pause = chance.uniform(0.4, 0.85) * (run.ends - world.baton.now)
        leaves = chance.uniform(0.7, 1) * pause
        device = self._owner(chance.choice(posts).connection_id)
        world.baton.after(leaves, lambda: device.hop(stays=chance.random() < 0.8))
        world.more_events(max(0, leaves - 8_000), device.tenant)
        run.freeze("its posts", pause)

    def at_job(self, posts: Sequence[Post], run: Invocation) -> None:
        """Freeze a job that has waited long before it posts to somebody who would read its hits no more.

        Who comes anew now finds them by the job's open row alone. Or it stays, and frames to it are refused
        for a while: then what the job posts must not move its cursor.
        """
        world = self._world
        chance = world.chance
        victims = [each for each in world.devices if any(_is_past(each, post) for post in posts)]
        if not victims or not world.happens(2 * world.weather.stalled_posts):
            if world.happens(0.12):
                world.baton.after(chance.uniform(0, 4_000), chance.choice(world.devices).cut)
            return
        device, pause = chance.choice(victims), chance.uniform(0.4, 0.85) * (run.ends - world.baton.now)
        stays = chance.random() < 0.8
        if chance.random() < 0.7:
            world.baton.after(chance.uniform(0, 2_000), lambda: device.hop(stays=stays))
        else:
            if device.line:
                device.line.busy_until = world.baton.now + round(pause / 2)
            world.more_events(0, device.tenant)
            world.baton.after(pause + 1_000, lambda: device.hop(stays=stays))
        run.freeze("its posts", pause)

    def at_joining(self, line: Line, run: Invocation) -> None:
        """Let a membership be written slowly, and an event be stored and announced meanwhile.

        Or let it be written as usual, just when an event has been announced to those who are members.
        """
        world = self._world
        chance = world.chance
        if world.happens(world.weather.slow_join):
            device = self._owner(line.name)
            world.more_events(chance.uniform(1_000, 2_500), device.tenant)
            device.stays = device.stays or chance.random() < 0.3
            run.freeze("the membership", chance.uniform(5_000, 12_000))
        elif world.happens(world.weather.hurried_join):
            before = chance.uniform(80, 600)
            world.more_events(0, self._owner(line.name).tenant)
            run.before("the membership", before)

    def _meet(self, posts: Sequence[Post], run: Invocation) -> None:
        """Freeze a broadcaster for less than ``POSTING``; one whom it will post to comes anew meanwhile.

        That one has just had frames that were announced later, and stays.
        """
        world = self._world
        chance = world.chance
        device = self._owner(chance.choice(self._late(posts) or posts).connection_id)
        pause = chance.uniform(2_500, 7_000)
        leaves = pause - chance.uniform(1_000, 2_000)
        world.more_events(max(0, leaves - chance.uniform(500, 2_000)), device.tenant)
        world.baton.after(leaves, lambda: device.hop(stays=True, away=(50, 300)))
        run.freeze("its posts", pause)

    def _meet_reader(self, posts: Sequence[Post]) -> None:
        """Have somebody leave who is in the middle of a catch-up, just before the posts."""
        readers = [self._owner(post.connection_id) for post in self._late(posts)]
        for device in readers:
            if device.is_paging():
                device.hop(stays=True, away=(500, 6_000))
                return

    def _late(self, posts: Sequence[Post]) -> list[Post]:
        """Those posts that carry what no resume from their own cursor would read without the ledger."""
        world = self._world
        ingested = {each.id: each.ingested for each in world.store.stored}
        late = []
        for post in posts:
            said = orjson.loads(post.frame)
            given = cursor.read(said["cursor"], said["channel"]) if said["type"] == "hits" else None
            if given and any(ingested[hit["id"]] < given.at - cursor.HORIZON for hit in said["hits"]):
                late.append(post)
        return late

    def _owner(self, connection_id: str) -> Device:
        name = connection_id.partition("/")[0]
        (device,) = (each for each in self._world.devices if each.name == name)
        return device


def _is_past(device: Device, post: Post) -> bool:
    """Whether a client has not seen the hits of a post, and would not read them from where its cursor is."""
    said = orjson.loads(post.frame)
    if said["type"] != "hits" or device.line is None or device.line.name != post.connection_id:
        return False
    ids = {hit["id"] for hit in said["hits"]}
    given = cursor.read(said["cursor"], said["channel"])
    past = cursor.live(said["channel"], given.at + cursor.HORIZON) if given else ""
    return any(
        each.channel == said["channel"]
        and (each.cursor or "") > past
        and ids - {hit["id"] for hit in each.shown}
        for each in device.client.subscriptions
    )
