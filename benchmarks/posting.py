"""Posts to open connections over TLS: our adapter beside what we did not take, in one process.

The twin of API Gateway answers in a process of its own and checks no signature, so that the client is
what is measured. Everybody but boto3 signs with our ``sigv4``, and our rate is unlimited.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from benchmarks.figure import Figure, collecting, median_in_turns
from benchmarks.posting_rivals import (
    BOTO3,
    CREDENTIALS,
    FRAME,
    HTTP_CLIENT,
    KEYS,
    SCOPE,
    Target,
    connection,
    rivals,
    signed,
)
from pipeline.adapters.system_clock import SYSTEM_CLOCK
from pipeline.adapters.websocket import CONNECTIONS, ApiGatewaySockets
from pipeline.core.audience import Post, Receipt
from pipeline.handlers import COLLECT_AFTER
from pipeline.local import certificate
from pipeline.local.gateway_twin import GatewayTwin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

OURS = "ours"

POSTS = 10_000
FEW = 600
"""As many as the slow ones make in a second."""

TURNS = 3
NO_LIMIT = 10**9
BAR = 25
"""How many times as fast as boto3's client."""


class Spent(NamedTuple):
    """What posts took."""

    per_second: float
    cpu: float
    """Microseconds of this process's processor time a post."""


def figures() -> Iterator[Figure]:
    """Posts a second and their processor time, then signing alone."""
    with _twin() as target:
        ways = {OURS: _ours(target)} | rivals(target)
        spent: dict[str, list[Spent]] = {name: [] for name in ways}
        with collecting(COLLECT_AFTER):
            for way in ways.values():
                way(2 * CONNECTIONS)
            for _ in range(TURNS):
                for name, way in ways.items():
                    spent[name].append(_spent(way, POSTS if name not in {BOTO3, HTTP_CLIENT} else FEW))
    speed = {name: statistics.median(each.per_second for each in turns) for name, turns in spent.items()}
    cost = {name: statistics.median(each.cpu for each in turns) for name, turns in spent.items()}
    yield _beside("posts over TLS", speed, "posts/s", speed[OURS] / speed[BOTO3])
    yield _beside("CPU of a post", cost, "µs", cost[BOTO3] / cost[OURS])
    yield _signing()


def _beside(name: str, found: dict[str, float], unit: str, ratio: float) -> Figure:
    others = {way: value for way, value in found.items() if way != OURS}
    return Figure(name, found[OURS], unit, others, ratio, f"{BAR} x boto3", ratio >= BAR)


def _spent(way: Callable[[int], None], posts: int) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    way(posts)
    cpu = time.process_time() - cpu
    return Spent(posts / (time.perf_counter() - wall), cpu / posts * 1e6)


# --- the other end ----------------------------------------------------------------------------


@contextmanager
def _twin() -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as folder:
        made = certificate.make(Path(folder))
        spawn = get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(made, theirs), daemon=True)
        process.start()
        try:
            yield Target(ours.recv(), str(made.file))
        finally:
            ours.send("end")
            process.join()


def _serve(made: certificate.Certificate, pipe: Connection) -> None:
    twin = GatewayTwin(certificate=made, anybody=True, new_loop=uvloop.new_event_loop)
    with collecting(COLLECT_AFTER), twin:
        pipe.send(twin.endpoint)
        pipe.recv()


def _ours(target: Target) -> Callable[[int], None]:
    sockets = ApiGatewaySockets(CREDENTIALS, SCOPE[0], rate=NO_LIMIT, ca_file=target.ca_file, direct=True)

    def post(count: int) -> None:
        posts = [Post(connection(number), target.endpoint, FRAME) for number in range(count)]
        receipts = sockets.post(posts, SYSTEM_CLOCK.now() + 60_000)
        assert set(receipts) == {Receipt.POSTED}

    return post


# --- signing ----------------------------------------------------------------------------------


def _signing() -> Figure:
    target = Target("https://127.0.0.1:443/local", "")
    signer = SigV4Auth(KEYS, "execute-api", SCOPE[0])

    def theirs(number: int) -> None:
        url = f"https://127.0.0.1:443/local/@connections/{quote(connection(number), safe='')}"
        signer.add_auth(AWSRequest(method="POST", url=url, data=FRAME))

    ours, botocore = median_in_turns(
        TURNS,
        lambda: _each(lambda number: signed(target, number), range(5_000)),
        lambda: _each(theirs, range(1_000)),
    )
    return Figure("signing a post", ours, "µs", {"botocore": botocore}, botocore / ours)


def _each(sign: Callable[[int], object], numbers: Sequence[int]) -> float:
    began = time.process_time()
    for number in numbers:
        sign(number)
    return (time.process_time() - began) / len(numbers) * 1e6
