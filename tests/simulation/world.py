"""One world: producers, the pipeline, clients, and a storm; then calm, and the question what was missed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import orjson

from pipeline import catching_up
from pipeline.adapters.memory import MemoryConnectionTable
from pipeline.core import instant
from pipeline.core.ledger import MINUTE
from pipeline.wiring import shipped
from tests.simulation import judge, rules, settings
from tests.simulation.aims import Aims
from tests.simulation.baton import START, Baton
from tests.simulation.client import Client
from tests.simulation.device import Device
from tests.simulation.engines import Queue, Store, TrueClock
from tests.simulation.functions import Functions
from tests.simulation.gateway import Gateway
from tests.simulation.invocation import Invocation, Surroundings
from tests.simulation.judge import FILTERS, Verdict
from tests.simulation.python_client import PythonClient
from tests.simulation.steps import Documents
from tests.simulation.web_client import WebClient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


STORM = 240_000
"""Milliseconds for which things go wrong."""

LONGEST = 3_600_000
"""Milliseconds after which a world that has not come to rest never will."""

BUSY = 2_000
"""Milliseconds for which much happens at once, on the average."""

REST = 75_000
"""Milliseconds for which all must be live before anybody is asked: two heartbeats and their answers."""

CLIENTS: dict[str, type[Client | PythonClient | WebClient]] = {
    "model": Client,
    "python": PythonClient,
    "web": WebClient,
}
"""The rules of a client in their fewest words, and the two clients that people use."""

NAMES = ("ann", "bob", "cid", "dan", "eve", "fay")
SERVICES = ("cart", "mail", "pay")


@dataclass(frozen=True, slots=True)
class Shelf:
    """The index as the functions find it.

    Attributes:
        lag: See ``catching_up.Library``.
    """

    store: Store
    lag: int
    off: frozenset[str]

    def of(self, run: Invocation) -> catching_up.Library:
        documents = Documents(self.store, run, self.off)
        return catching_up.Library(documents, ROUTES, RANGED, self.lag, run.container.refresher)


ROUTES = shipped.routes()
RANGED = shipped.ranged_attributes(ROUTES)


class World:
    """Everything there is, from one seed.

    Args:
        seed: Decides all that chance decides.
        off: Names of rules that do not hold in this world; see ``rules``.
        tell: Takes what happens: the time since the beginning in ms, who, and what.
        client: Whose rules the clients play by, of ``CLIENTS``.
    """

    def __init__(
        self,
        seed: int,
        off: frozenset[str] = frozenset(),
        tell: Callable[[int, str, str], None] | None = None,
        *,
        client: str = "model",
    ) -> None:
        self.seed = seed
        self.off = off
        self.chance = Random(seed)  # noqa: S311 - repeatable on purpose
        self.baton = Baton()
        self.weather = settings.of(seed, self.chance, STORM)
        self._client = CLIENTS[client]
        if client != "model":
            self.weather.budget = 1_000_000  # of what is left out over it they tell, and leave it so
        self._tell = tell
        self.around = Surroundings(self.baton, self.chance, self.weather, self.tell)
        self.store = Store(self.baton)
        self.table = MemoryConnectionTable(TrueClock(self.baton))
        self.events = Queue(self.baton, self._delays)
        self.deltas = Queue(self.baton, self._delays)
        self.jobs = Queue(self.baton, self._delays_of_jobs)
        self.gateway = Gateway(self.around)
        self.library = Shelf(self.store, self.weather.lag, off)
        short = 3_600_000 if self.weather.patient else 50_000
        self.token_life = self.chance.choice([3_600_000, 3_600_000, short])
        self.aims = Aims(self)
        self.functions = Functions(self)
        self.devices: list[Device] = []
        self._busy = [self.chance.randrange(STORM) for _ in range(6)]
        self._quiet_since: int | None = None
        self._sent = self._facts = 0
        self._verdict = Verdict(seed)

    def tell(self, who: str, what: str) -> None:
        """Tell whoever looks on."""
        if self._tell is not None:
            self._tell(self.baton.now - START, who, what)

    def happens(self, share: float) -> bool:
        """Whether one of the weather's faults strikes now."""
        return share > 0 and not self.weather.calm and self.chance.random() < share

    def run(self) -> Verdict:
        """Let it happen; what became of it."""
        functions = self.functions
        functions.feed(self.events, "index", functions.index)
        functions.feed(self.deltas, "broadcast", functions.broadcast)
        functions.feed(self.jobs, "fanout", functions.fan_out)
        functions.clean_now_and_then()
        self._schedule_events()
        self._schedule_clients()
        self._schedule_outages()
        self._refresh()
        self.baton.after(STORM, self._calm)
        with rules.suspended(self.off), rules.sizes(*self.weather.sizes):
            self.baton.run()
        judge.judge(self._verdict, self.store.stored, self.devices)
        return self._verdict

    # --- what happens -------------------------------------------------------------------------

    def _schedule_events(self) -> None:
        chance = self.chance
        self._facts = chance.randint(*self.weather.facts)
        for number in range(self._facts):
            tenant = chance.choice(["acme", "acme", "acme", "acme", "beta", None])
            at, produce = self._moment(), self._producing(number, tenant)
            self.baton.after(at, produce)
            if chance.random() < 0.1:  # the producer sends it again
                self.baton.after(at + chance.uniform(10, 60_000), produce)

    def _moment(self) -> float:
        """Some time in the storm; often where much else happens."""
        if self.chance.random() < 0.5:
            return self.chance.randrange(STORM)
        return self.chance.choice(self._busy) + self.chance.expovariate(1 / BUSY)

    def _producing(self, number: int, tenant: str | None) -> Callable[[], None]:
        chance = self.chance
        service, latency = chance.choice(SERVICES), chance.choice([12, 512.5, 900])

        def produce() -> None:
            self._sent += 1
            envelope = {
                "id": f"envelope-{self._sent}",
                "source": "payments",
                "detail-type": "PaymentFailed",
                "time": instant.iso(self.baton.now),
                "detail": {
                    "eventId": f"fact-{number}",
                    "occurredAt": instant.iso(START + number),
                    "service": service,
                    "timings": {"totalMs": latency},
                    **({"tenant": tenant} if tenant else {}),
                },
            }
            self.tell("producer", f"sends fact-{number} of {tenant}: {service}, {latency}")
            self.events.post(orjson.dumps(envelope).decode())

        return produce

    def _schedule_clients(self) -> None:
        chance = self.chance
        for name in NAMES[: chance.randint(3, 6)]:
            tenant = chance.choice(["acme", "acme", "acme", "beta"])
            device = Device(name, tenant, self._client(chance.random, self.off), self)
            self.devices.append(device)
            for wanted in chance.sample(list(FILTERS), chance.randint(1, 3)):
                self._subscribe(device, wanted)
            self.baton.after(chance.choice([0, chance.randrange(STORM // 3)]), device.dial)
            if self.weather.cut_every:
                self._cut(device)
            for moment in chance.sample(self._busy, 0 if self.weather.patient else chance.randint(0, 2)):
                self.baton.after(moment + chance.expovariate(1 / BUSY), device.cut)
            if chance.random() < 0.3:
                self.baton.after(chance.randrange(STORM), self._change(device))

    def _subscribe(self, device: Device, wanted: str, cursor: str | None = None) -> None:
        snapshot = self.chance.choice(self.weather.snapshots)
        device.client.subscribe(wanted, FILTERS[wanted][0], snapshot, cursor, self.baton.now)

    def more_events(self, after: float, tenant: str) -> None:
        """Have one more event happen after a while."""
        self._facts += 1
        self.baton.after(after, self._producing(self._facts, tenant))

    def _cut(self, device: Device) -> None:
        def cut() -> None:
            if not self.weather.calm:
                device.cut()
                self._cut(device)

        self.baton.after(self.chance.expovariate(1 / self.weather.cut_every), cut)

    def _change(self, device: Device) -> Callable[[], None]:
        """Change a filter: the old subscription is left, another begins."""

        def change() -> None:
            old = self.chance.choice(device.client.subscriptions)
            wanted = self.chance.choice(list(FILTERS))
            self.tell(device.name, f"changes its filter from {old.wanted} to {wanted}")
            if any(each.wanted == wanted for each in device.client.subscriptions):
                return
            device.client.leave(old)
            self._subscribe(device, wanted, self.chance.choice([None, old.cursor]))
            device.look()

        return change

    def _schedule_outages(self) -> None:
        def turn(*, down: bool) -> Callable[[], None]:
            def turned() -> None:
                self.tell("OpenSearch", "is down" if down else "is up")
                self.store.down = down

            return turned

        for begin, end in self.weather.outages:
            self.baton.after(begin, turn(down=True))
            self.baton.after(end, turn(down=False))

    def _refresh(self) -> None:
        self.store.refresh_by_itself()
        self.baton.after(self.weather.refreshes, self._refresh)

    def _delays(self) -> Sequence[int]:
        """How long a delivery is on its way, for each time that it arrives."""
        delays = [self._delay()]
        while self.happens(self.weather.twice):
            delays.append(self._delay())
        return delays

    def _delays_of_jobs(self) -> Sequence[int]:
        """The same; jobs often wait, for their audiences are big."""
        wait = self.chance.uniform(*self.weather.waits) if self.happens(self.weather.waiting) else 0
        return [delay + round(wait) for delay in self._delays()]

    def _delay(self) -> int:
        if self.happens(self.weather.detour):
            detour = round(500 * math.exp(self.chance.uniform(0, math.log(self.weather.detours / 500))))
            if self.happens(self.weather.minute_ends):
                detour += MINUTE - (self.baton.now + detour) % MINUTE - self.chance.randint(500, 6_000)
            return max(0, detour)
        return round(self.chance.uniform(1, self.weather.hop))

    # --- the end ------------------------------------------------------------------------------

    def _calm(self) -> None:
        self.tell("world", "is calm")
        self.weather.calm = True
        self.token_life = 3_600_000 * 2
        self._look()

    def _look(self) -> None:
        """Stop once all has been at rest for long enough; stop too when that never comes."""
        now = self.baton.now
        busy = [name for name, queue in self._queues() if not queue.is_empty]
        busy += [device.name for device in self.devices if not device.is_live]
        if busy:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        elif now - self._quiet_since >= REST:
            self.baton.stop()
        if now - START > LONGEST:
            self._verdict.restless = f"still busy: {', '.join(busy)}"
            self.baton.stop()
        self.baton.after(5_000, self._look)

    def _queues(self) -> Sequence[tuple[str, Queue]]:
        return [("events", self.events), ("deltas", self.deltas), ("jobs", self.jobs)]


def play(
    seed: int,
    off: frozenset[str] = frozenset(),
    tell: Callable[[int, str, str], None] | None = None,
    *,
    client: str = "model",
) -> Verdict:
    """Let one world happen; what became of it."""
    return World(seed, off, tell, client=client).run()
