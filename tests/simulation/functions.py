"""The functions, and what hands them their work: queues, connections, a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from pipeline import answering, broadcasting, cleaning, connecting, fanning_out, indexing
from pipeline.core import entries
from pipeline.core.audience import Principal
from pipeline.core.errors import Refused, Unavailable
from pipeline.limiting import Limiter
from pipeline.wiring import shipped
from tests.examples import ENDPOINT, LIMITS
from tests.simulation.gateway import Posts
from tests.simulation.invocation import Container, Invocation
from tests.simulation.steps import Bus, Documents, Table, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.model import Delivery, Entry
    from tests.simulation.engines import Queue
    from tests.simulation.gateway import Line
    from tests.simulation.world import World

SECONDS = 60
"""How long a batch may take, as the template has it."""

ANSWERING = 29
"""Seconds that API Gateway waits for a function."""

AT_ONCE = 3
"""Batches of one queue that are worked on at once."""

ROUTES = shipped.routes()
LEDGER_LIFE = 14 * 86_400_000


class Functions:
    """Every function of the pipeline, each with its containers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle: dict[str, list[Container]] = {}
        self._made = 0
        self._limiter = Limiter(LIMITS)
        self.running = 0

    # --- queues -------------------------------------------------------------------------------

    def feed(
        self, queue: Queue, name: str, story: Callable[[Sequence[Delivery], Invocation], Sequence[str]]
    ) -> None:
        """Have a function work through a queue."""
        world = self._world
        running = 0
        looking = False

        def wake() -> None:
            nonlocal looking
            if not looking:
                looking = True
                world.baton.after(world.chance.uniform(0, world.weather.hop), poll)

        def poll() -> None:
            nonlocal running, looking
            looking = False
            if running >= AT_ONCE:
                return
            batch = queue.receive(world.chance.randint(1, 10), world.weather.visibility // 1_000)
            if not batch:
                return
            running += 1
            self._start(name, SECONDS, lambda run: work(run, batch), done, frozen=_frozen(name, world))
            wake()

        def work(run: Invocation, batch: Sequence[Delivery]) -> None:
            run.tell(f"begins with {[each.id for each in batch]}")
            returned = story(batch, run)
            run.before("its answer")
            run.tell(f"returns {list(returned)}")
            for each in batch:
                if each.id not in returned and not world.happens(world.weather.lost_delete):
                    queue.delete(each.id)

        def done() -> None:
            nonlocal running
            running -= 1
            wake()

        queue.wake = wake

    def index(self, batch: Sequence[Delivery], run: Invocation) -> Sequence[str]:
        world = self._world
        report = indexing.index(
            batch,
            routes=ROUTES,
            store=Documents(world.store, run, world.off),
            bus=Bus(self._accept, run),
            queue=Waiting(world.events, run),
            clock=run,
            deadline=run.deadline,
            single_tenant=False,
        )
        return report.returned

    def broadcast(self, batch: Sequence[Delivery], run: Invocation) -> Sequence[str]:
        world = self._world
        table = Table(world.table, run, world.off)
        report = broadcasting.broadcast(
            batch,
            registry=run.container.registry,
            table=table,
            sockets=Posts(world.gateway, run, world.off, lambda posts: world.aims.at_posts(posts, run)),
            queue=Waiting(world.deltas, run),
            jobs=Waiting(world.jobs, run),
            clock=run,
            deadline=run.deadline,
            bounds=broadcasting.Bounds(world.weather.budget, world.weather.fan_out, LEDGER_LIFE),  # type: ignore[arg-type]
            slow=run.container.slow,
        )
        try:
            table.write()
        except Unavailable:
            return [each.id for each in batch]
        return report.returned

    def fan_out(self, batch: Sequence[Delivery], run: Invocation) -> Sequence[str]:
        world = self._world
        table = Table(world.table, run, world.off)
        report = fanning_out.fan_out(
            batch,
            table=table,
            sockets=Posts(world.gateway, run, world.off, lambda posts: world.aims.at_job(posts, run)),
            queue=Waiting(world.jobs, run),
            clock=run,
            deadline=run.deadline,
            ledger_life=LEDGER_LIFE,
            slow=run.container.slow,
        )
        return report.returned

    def _accept(self, entry: Entry) -> None:
        """Bring an entry from the bus to its queue, as the rule does."""
        envelope = {
            "id": f"entry-of-{entry.ids[0]}",
            "source": entries.SOURCE,
            "detail-type": entries.DETAIL_TYPE,
            "time": "2026-01-01T00:00:00Z",
            "detail": orjson.loads(entry.detail),
        }
        self._world.deltas.post(orjson.dumps(envelope).decode())

    # --- connections --------------------------------------------------------------------------

    def connect(self, name: str, tenant: str, answer: Callable[..., None]) -> None:
        """Open a connection, or refuse it."""
        world = self._world
        good = False

        def work(run: Invocation) -> None:
            nonlocal good
            life = world.token_life
            try:
                connecting.connect(
                    name,
                    ENDPOINT,
                    Principal(tenant, name, run.now() + life),
                    table=Table(world.table, run, world.off),
                    limiter=self._limiter,
                    clock=run,
                )
            except (Refused, Unavailable):
                return
            run.before("its answer")
            good = True

        self._start("connect", 10, work, lambda: answer(good=good))

    def disconnect(self, name: str) -> None:
        """Tell the pipeline that a connection has ended; nobody minds if that fails."""
        world = self._world

        def work(run: Invocation) -> None:
            try:
                connecting.disconnect(name, table=Table(world.table, run, world.off))
            except Unavailable:
                return

        self._start("disconnect", 10, work, _nothing)

    def message(self, line: Line, text: str) -> None:
        """Answer a client's frame."""
        world = self._world
        answered = False

        def work(run: Invocation) -> None:
            nonlocal answered
            table = Table(world.table, run, world.off, lambda: world.aims.at_joining(line, run))
            try:
                answering.answer(
                    text,
                    line.name,
                    table=table,
                    sockets=Posts(world.gateway, run, world.off, lambda _posts: table.write(), answers=True),
                    library=world.library.of(run),
                    limiter=self._limiter,
                    clock=run,
                    endpoint=ENDPOINT,
                    deadline=run.deadline,
                )
            except Unavailable:
                return
            answered = True

        def done() -> None:
            if not answered:  # no "type": API Gateway's own words
                line.post(b'{"message":"Internal server error","connectionId":"","requestId":""}')

        self._start("message", ANSWERING, work, done)

    # --- a schedule ---------------------------------------------------------------------------

    def clean_now_and_then(self) -> None:
        """Run the cleaner, one at a time."""
        world = self._world

        def begin() -> None:
            self._start("clean", 30, work, again)

        def work(run: Invocation) -> None:
            try:
                cleaning.clean(
                    table=Table(world.table, run, world.off), clock=run, deadline=run.deadline, grace=5_000
                )
            except Unavailable:
                return

        def again() -> None:
            if not world.weather.calm:
                world.baton.after(world.chance.uniform(1_000, 20_000), begin)

        again()

    # --- containers ---------------------------------------------------------------------------

    def _start(
        self,
        name: str,
        seconds: float,
        work: Callable[[Invocation], None],
        done: Callable[[], None],
        *,
        frozen: bool = False,
    ) -> None:
        world = self._world
        idle = self._idle.setdefault(name, [])
        if idle and world.chance.random() < 0.9:
            container = idle.pop(world.chance.randrange(len(idle)))
        else:
            self._made += 1
            offset = world.chance.choice([0, world.weather.skew, world.chance.randint(0, world.weather.skew)])
            container = Container(f"{name}-{self._made}", offset)
        self.running += 1

        def actor() -> None:
            run = Invocation(
                world.around,
                container,
                seconds,
                frozen=frozen,
                slow=name == "fanout" and not world.weather.patient,
            )
            try:
                work(run)
                idle.append(container)
            finally:
                self.running -= 1
                done()

        world.baton.start(actor)


def _frozen(name: str, world: World) -> bool:
    return name == "broadcast" and "POSTING" in world.off


def _nothing() -> None:
    """Nobody waits for this."""
