"""The ports as one invocation has them: each call a step, with the faults of the weather."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pipeline.adapters.memory_store import Fault
from pipeline.core.attempt import BulkAnswer
from pipeline.core.errors import Gone, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pipeline.adapters.memory import MemoryConnectionTable
    from pipeline.core.audience import Channel, Connection, Late, Member
    from pipeline.core.model import DeadLetter, Entry
    from tests.simulation.engines import Queue, Store
    from tests.simulation.invocation import Invocation

LEDGER = frozenset(
    {"put_late", "put_all_late", "open_late", "open_all_late", "close_late", "close_all_late", "late"}
)
READS = frozenset(
    {
        "connection",
        "connections",
        "subscriptions",
        "version",
        "versions",
        "changes",
        "members",
        "audiences",
        "tenants",
    }
)


class Table:
    """``ports.connections.ConnectionTable``.

    Args:
        off: Names of the rules that do not hold here.
        joining: Called before a membership is written.
    """

    def __init__(
        self,
        table: MemoryConnectionTable,
        run: Invocation,
        off: frozenset[str],
        joining: Callable[[], None] | None = None,
    ) -> None:
        self._joining = joining
        self._table = table
        self._run = run
        self._off = off
        self._unwritten: list[Callable[[], None]] = []

    def subscribe(
        self, connection: Connection, channel: Channel, touch: int, told: int | None = None
    ) -> None:
        """Its steps, in their order."""

        def write() -> None:
            if self._joining:
                self._joining()
            self._step("join", lambda: self._table.join(connection, channel))
            if told is not None:
                self._step("unmark", lambda: self._table.unmark(connection.id, channel, told))
            self._step("register", lambda: self._table.register(channel, touch))

        before = self._run.now()
        if "membership before query" in self._off:
            self._unwritten.append(write)
        else:
            write()
        if "clock after membership" in self._off:
            self._run.look_back(before)

    def put_all_late(self, notes: Sequence[tuple[str, int]], announced: int, ends: int) -> None:
        def write() -> None:
            self._step("put_all_late", lambda: self._table.put_all_late(notes, announced, ends))

        if "ledger first" in self._off:
            self._unwritten.append(write)
        elif "ledger or again" in self._off:
            with suppress(Unavailable):
                write()
        else:
            write()

    def mark_lagged(self, members: Sequence[tuple[Channel, str]], since: int) -> None:
        self.write()
        marked = [] if "lagged marks" in self._off else members
        self._step("mark_lagged", lambda: self._table.mark_lagged(marked, since))

    def audiences(self, channels: Sequence[Channel], now: int) -> Sequence[Sequence[Member]]:
        found: Sequence[Sequence[Member]] = self._step(
            "audiences", lambda: self._table.audiences(channels, now)
        )
        for channel, members in zip(channels, found, strict=True):
            for each in members:
                self._told(channel, each.connection_id, each.lagged)
        return found

    def lagged(self, connection_id: str) -> Sequence[tuple[Channel, int]]:
        found: Sequence[tuple[Channel, int]] = self._step("lagged", lambda: self._table.lagged(connection_id))
        for channel, since in found:
            self._told(channel, connection_id, since)
        return found

    def _told(self, channel: Channel, connection_id: str, since: int | None) -> None:
        """Clear the mark of somebody who is about to be told of it."""
        if "marks stay" in self._off and since is not None:
            self._table.unmark(connection_id, channel, since)

    def write(self) -> None:
        """Do what should have been done before."""
        while self._unwritten:
            with suppress(Gone):
                self._unwritten.pop()()

    def late(self, tenant: str, announced_from: int) -> Sequence[Late]:
        rows: Sequence[Late] = self._step("late", lambda: self._table.late(tenant, announced_from))
        return [
            row
            for row in rows
            if ("open rows" if row.ingested_to is None else "late ledger") not in self._off
        ]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the table has
        call = getattr(self._table, name)

        def step(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the call takes
            return self._step(name, lambda: call(*given, **named))

        return step

    def _step(self, name: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call gives
        run, weather = self._run, self._run.around.weather
        slow = run.happens(weather.slow_table)
        run.before(name, run.around.chance.uniform(500, 10_000) if slow else None)
        trouble = run.happens(max(weather.table_trouble, weather.ledger_trouble * (name in LEDGER)))
        if trouble and (name in READS or run.around.chance.random() < 0.5):
            run.tell(f"{name}: fails")
            raise Unavailable("DynamoDB", "a fault was asked for")
        answer = call()
        if hasattr(answer, "__next__"):
            answer = iter(list(answer))
        run.tell(f"{name}{': done, but its answer is lost' if trouble else ''}")
        run.after(name)
        if trouble:
            raise Unavailable("DynamoDB", "a fault was asked for")
        return answer


class Documents:
    """``ports.index.DocumentStore``."""

    def __init__(self, store: Store, run: Invocation, off: frozenset[str]) -> None:
        self._store = store
        self._run = run
        self._off = off

    def bulk(self, bodies: Iterable[bytes], patience: float = 0) -> Sequence[BulkAnswer]:
        return [self._bulk(body, patience) for body in bodies]

    def _bulk(self, body: bytes, patience: float) -> BulkAnswer:
        run, store, chance = self._run, self._store, self._run.around.chance
        weather = run.around.weather
        took = chance.uniform(1_000, 45_000) if run.happens(weather.slow_bulk) else chance.uniform(2, 50)
        run.before("bulk", min(took, patience * 1_000))
        unknown = chance.random() < weather.bulk_unknown
        if took > patience * 1_000:
            run.tell("bulk: no answer in time; it will be carried out")
            run.around.baton.after(took - patience * 1_000, lambda: self._carry_out(body))
            return BulkAnswer(0, [], "timed out")
        if not store.down and run.happens(weather.bulk_trouble):
            store.faults.append(Fault(chance.choice([0, 429, 503]), stored=unknown))
        before = len(store.stored)
        (answer,) = store.bulk([body])
        run.tell(f"bulk: {answer.status}, {[each.fact for each in store.stored[before:]]} stored")
        run.after("bulk")
        return answer

    def _carry_out(self, body: bytes) -> None:
        if not self._store.down:
            self._store.bulk([body])

    def ingested(
        self,
        keys: Sequence[tuple[str, str]],
        patience: float = 0,  # noqa: ARG002 - the answer comes at once
    ) -> Mapping[tuple[str, str], int]:
        self._run.before("ingested")
        self._fail_by_chance("ingested")
        answer = self._store.ingested(keys)
        self._run.tell("ingested")
        self._run.after("ingested")
        return answer

    def refresh(self, indices: str) -> None:
        self._run.before("refresh")
        self._fail_by_chance("refresh")
        if "refresh before query" not in self._off:
            self._store.refresh(indices)
        self._run.tell("refresh")
        self._run.after("refresh")

    def search(self, indices: str, body: dict[str, Any]) -> Sequence[dict[str, Any]]:
        run = self._run
        slow = run.happens(run.around.weather.slow_search)
        run.before("search", run.around.chance.uniform(1_000, 8_000) if slow else None)
        if "whole pages" in self._off and run.happens(run.around.weather.shard_trouble):
            found = [hit for hit in self._store.search(indices, body) if int(hit["_id"][0], 16) % 2]
            run.tell(f"search: {self._facts(found)}, without a shard")
        else:
            self._fail_by_chance("search")
            found = list(self._store.search(indices, body))
            run.tell(f"search: {self._facts(found)}")
        run.after("search")
        return found

    def _facts(self, found: Iterable[Mapping[str, Any]]) -> list[str]:
        """What was found, by name; a search need not bring it."""
        names = {each.id: each.fact for each in self._store.stored}
        return [names[hit["_id"]] for hit in found]

    def _fail_by_chance(self, step: str) -> None:
        if self._run.happens(self._run.around.weather.shard_trouble):
            self._run.tell(f"{step}: a shard fails")
            raise Unavailable("opensearch", "a fault was asked for")


class Bus:
    """``ports.queues.DeltaBus``.

    Args:
        accept: Takes what the bus accepts.
    """

    def __init__(self, accept: Callable[[Entry], None], run: Invocation) -> None:
        self._accept = accept
        self._run = run

    def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        run, weather, chance = self._run, self._run.around.weather, self._run.around.chance
        run.before("put")
        accepted = [not run.happens(weather.bus_trouble) for _ in entries]
        for entry, good in zip(entries, accepted, strict=True):
            if good:
                self._accept(entry)
        lost = run.happens(weather.bus_trouble) and chance.random() < 0.5
        run.tell(f"put: {accepted}{', and the answer is lost' if lost else ''}")
        run.after("put")
        return [False] * len(entries) if lost else accepted


class Waiting:
    """``ports.queues.Queues``, as far as the stories use it."""

    def __init__(self, queue: Queue, run: Invocation) -> None:
        self._queue = queue
        self._run = run

    def put_off(self, delays: Sequence[tuple[str, int]]) -> None:
        self._run.before("put_off")
        if not self._run.happens(self._run.around.weather.bus_trouble):
            self._queue.put_off(delays)
        self._run.after("put_off")

    def put(self, bodies: Sequence[str]) -> Sequence[bool]:
        run = self._run
        run.before("put jobs")
        taken = [not run.happens(run.around.weather.bus_trouble) for _ in bodies]
        self._queue.put([body for body, good in zip(bodies, taken, strict=True) if good])
        lost = run.happens(run.around.weather.bus_trouble)
        run.tell(f"puts jobs: {taken}{', and the answer is lost' if lost else ''}")
        run.after("put jobs")
        return [False] * len(bodies) if lost else taken

    def dead_letter(self, letters: Sequence[DeadLetter]) -> Sequence[bool]:
        assert not letters, f"nothing here is to be buried: {letters}"
        return []
