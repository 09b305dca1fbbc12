"""``run``: everything at once, with a live panel."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from pipeline.cli import clients, endpoints, live_page, panel_view, producer, sample
from pipeline.cli.arrivals import Growth
from pipeline.cli.endpoints import Stack, Target
from pipeline.cli.figures import Figures
from pipeline.cli.lines import Line
from pipeline.client import Client, Hits, Refusal, StatusChange, api
from pipeline.core.errors import Unavailable
from pipeline.local import deploy, stack
from pipeline.local.places import Places

commands = typer.Typer()

REDRAW = 0.25
"""Seconds between two pictures, and between two looks at the functions' lines."""

PLAIN = 1.0
"""Seconds between two lines where the output is no terminal."""

LOOK = 1.0
"""Seconds between two looks at the queues."""

SNAPSHOT = 20
"""Hits to begin with."""

SEEDS = 10**9


@commands.command()
def run(
    rate: Annotated[float, typer.Option(min=0.01, help="Sample events a second.")] = 5.0,
    seconds: Annotated[float | None, typer.Option(min=0, help="End by itself after so long.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose hits to show.")] = "acme",
    *,
    no_producer: Annotated[bool, typer.Option("--no-producer", help="Show only what others put.")] = False,
    opensearch_url: Annotated[
        str | None, typer.Option(envvar="OPENSEARCH_URL", help="Use this cluster instead of a node.")
    ] = None,
) -> None:
    """Start the local stack, deploy to it, put sample events and watch. Ctrl-C ends what this started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being terminated ends it as Ctrl-C does
    folder = Path.cwd()
    with (
        suppress(KeyboardInterrupt),
        live_page.prepared(folder) as built,
        _standing(folder, opensearch_url),
    ):
        deploy.deploy(Target.LOCAL.value, folder, tell=_progress)
        found = endpoints.find(Target.LOCAL)
        with live_page.served(built, found, folder, tenant) as page:
            _watch(found, folder, None if no_producer else rate, seconds, tenant, page)


@contextmanager
def _standing(folder: Path, opensearch_url: str | None) -> Iterator[None]:
    """The stack runs inside, and afterwards only if it ran before."""
    before = stack.status(folder)
    ran = before.aws.alive and before.opensearch.alive
    try:
        stack.up(folder, opensearch_url=opensearch_url)
        yield
    finally:
        if not ran:
            sys.stderr.write("Ending the local stack; what is indexed stays.\n")
            stack.down(folder)


def _watch(
    found: Stack, folder: Path, rate: float | None, seconds: float | None, tenant: str, page: str | None
) -> None:
    now = _now()
    addresses = {"live page": page} if page else {}
    addresses["opensearch"] = found.settings.opensearch_url
    figures = Figures(began=now, now=now, addresses=addresses)
    stop = threading.Event()
    thread = threading.Thread(target=_produce, args=(found, figures, rate, stop), daemon=True)
    if rate is not None:
        thread.start()
    try:
        with suppress(TimeoutError):
            asyncio.run(_show(found, folder, figures, seconds, tenant))
    finally:
        stop.set()
        if rate is not None:
            thread.join()
        if sys.stdout.isatty():  # the panel is gone from the screen; its sum stays
            sys.stdout.write(f"{panel_view.line(figures)}\n")


def _produce(found: Stack, figures: Figures, rate: float, stop: threading.Event) -> None:
    bus = found.events_bus  # made first: it takes time, and the facts' times begin now
    tally = producer.Tally()
    made = sample.envelopes(random.randrange(SEEDS), _now(), 1_000 / rate)  # noqa: S311 - any will do

    def lines() -> Iterator[Line]:
        for number, envelope in zip(count(1), made, strict=False):
            figures.produced = tally.accepted
            if tally.failures:
                figures.remark = f"the bus refused an event: {tally.failures.pop()[1]}"
            yield Line(f"sample {number}", envelope)

    producer.produce(lines(), bus, tally, rate=rate, stop=stop)


async def _show(found: Stack, folder: Path, figures: Figures, seconds: float | None, tenant: str) -> None:
    """Gather and paint until the time is over (TimeoutError), or without end."""
    parts = (
        _listen(found, figures, tenant),
        _read_lines(Growth(Places(folder).log("functions")), figures),
        _look_at_queues(found, figures),
        _paint(figures),
    )
    async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)


async def _listen(found: Stack, figures: Figures, tenant: str) -> None:
    """Be a client of the whole tenant."""
    dial = api.dialler(found.http, lambda: clients.mint(tenant))
    async with Client(dial) as client:
        client.subscribe({}, snapshot=SNAPSHOT)
        async for news in client:
            match news:
                case Hits(hits=hits, live=live):
                    for hit in hits:
                        figures.hit(hit, _now()) if live else figures.snapshot(hit)
                case StatusChange(status, why):
                    figures.status, figures.remark = status.value, why
                case Refusal(text=text):
                    figures.remark = text


async def _read_lines(log: Growth, figures: Figures) -> None:
    """Take the functions' lines that are written from now on."""
    while True:
        for line in log.lines():
            figures.invoked(line)
        await asyncio.sleep(REDRAW)


async def _look_at_queues(found: Stack, figures: Figures) -> None:
    while True:
        for hop, queue in found.queues.items():
            try:
                depths = await asyncio.to_thread(queue.depths)
            except Unavailable as trouble:
                figures.remark = str(trouble)
                continue
            figures.depths |= {(hop, kind): number for kind, number in depths.items()}
        await asyncio.sleep(LOOK)


async def _paint(figures: Figures) -> None:
    console = Console()
    if not console.is_terminal:
        while True:
            await asyncio.sleep(PLAIN)
            figures.tick(_now())
            console.out(panel_view.line(figures), highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            figures.tick(_now())
            live.update(panel_view.view(figures, console.width, console.height), refresh=True)
            await asyncio.sleep(REDRAW)


def _progress(text: str) -> None:
    sys.stderr.write(f"-- {text}\n")


def _now() -> int:
    return int(time.time() * 1_000)
