"""``emit``: put events on the bus."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli import endpoints, lines, output, producer, sample
from pipeline.cli.arrivals import Arrivals
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.cli.lines import Line
from pipeline.cli.output import JsonOption
from pipeline.core import instant, path, route
from pipeline.core.model import Event
from pipeline.local import deploy
from pipeline.local.errors import StackError
from pipeline.wiring import shipped

commands = typer.Typer()

SPACING = 200.0
"""Milliseconds between two sample facts where no rate spreads them."""


@commands.command()
def emit(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Events as .json or .ndjson; - reads them from stdin."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--sample", min=0, metavar="N", help="N sample events instead; 0 for no end."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Events a second; as fast as it goes if left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Sample events: equal seeds give equal facts.")] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Sample events: when the first occurred.")
    ] = None,
    *,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Put events on the bus. A bad line is named by its number, and the rest is sent.

    An event is an envelope (source, detail-type, detail) or a PutEvents entry (Source, DetailType, Detail).
    """
    if (file is None) is (count is None):
        raise StackError("Say either FILE (or -) or --sample N.")
    found = endpoints.find(target, stack)
    tally, bus = producer.Tally(), found.events_bus
    homeless = without_tenant() if found.settings.tenancy == "required" else lambda _envelope: False
    with _open(file) as arrivals:
        source = _samples(count, rate, seed, start) if file is None else lines.read(arrivals)
        ready = (lambda: True) if file is None else arrivals.ready
        try:
            producer.produce(source, bus, tally, rate=rate, ready=ready, is_homeless=homeless)
        except KeyboardInterrupt:
            sys.stderr.write("Stopped.\n")
    _tell(tally, as_json=as_json)
    if tally.failed:
        raise typer.Exit(1)


def _samples(count: int | None, rate: float | None, seed: int | None, start: str | None) -> Iterator[Line]:
    """Sample events with their seed chosen and told, where none is given."""
    if seed is None:
        seed = random.randrange(10**6)  # noqa: S311 - a seed to be read by people
        sys.stderr.write(f"Sample events of seed {seed}.\n")
    spacing = SPACING if rate is None else 1000 / rate
    try:
        began = int(time.time() * 1000) if start is None else instant.read(start)
    except ValueError as error:
        raise StackError(f"--start: {error}") from error
    endless = sample.envelopes(seed, began, spacing if count is None or rate else 0.0)
    numbered = enumerate(islice(endless, count or None), start=1)
    return (Line(f"sample {number}", envelope) for number, envelope in numbered)


def without_tenant() -> Callable[[Mapping[str, Any]], bool]:
    """Tells events that have no tenant where their route looks for it."""
    routes = shipped.routes()

    def is_homeless(envelope: Mapping[str, Any]) -> bool:
        detail = envelope["detail"]
        event = Event("", envelope["source"], envelope["detail-type"], 0, detail)
        where = route.choose(event, routes).tenant
        if where is None:
            return True
        return path.value_at(detail, where) in (path.MISSING, None, "")

    return is_homeless


@contextmanager
def _open(file: str | None) -> Iterator[Arrivals]:
    if file is None or file == "-":
        yield Arrivals(sys.stdin.fileno())
        return
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(Path(file).open("rb", buffering=0))
        except OSError as error:
            raise StackError(f"{file} cannot be read: {error.strerror}.") from error
        yield Arrivals(opened.fileno())


def _tell(tally: producer.Tally, *, as_json: bool) -> None:
    if as_json:
        failures = [{"place": place, "error": error} for place, error in tally.failures]
        typer.echo(
            json.dumps(
                {
                    "accepted": tally.accepted,
                    "failed": tally.failed,
                    "no_tenant": tally.homeless,
                    "failures": failures,
                }
            )
        )
        return
    output.failures(tally.failures)
    typer.echo(f"{tally.accepted} accepted, {tally.failed} failed")
    if tally.homeless:
        sys.stderr.write(
            f"{tally.homeless} carry no tenant: they are stored, and no client sees them. "
            "The built-in route reads detail.tenant; a route of your own says where its tenant stands.\n"
        )
