"""``cost``: a month's AWS bill of livedex, beside that of the naive design."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

import typer

from pipeline.cli import cost_view
from pipeline.core import bill, pack, prices
from pipeline.local.errors import StackError

commands = typer.Typer()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an option takes, and how that is told."""

    least: float
    most: float
    told: str


BOUNDS = {
    "--events-per-day": Bounds(1, 10**10, "from 1 to 10,000,000,000"),
    # 500 new ones a second, for two hours each:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    "--connections": Bounds(1, 3_600_000, "how many are open at a time, from 1 to 3,600,000"),
    "--relevant": Bounds(0, 1, "the share of the events that one client wants, from 0 to 1: 0.05 for 5 %"),
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    "--window": Bounds(1, 300, "whole seconds from 1 to 300, as Lambda takes them"),
    "--event-bytes": Bounds(1, pack.MAX_HIT, f"from 1 to {pack.MAX_HIT:,}: larger hits go as pointers"),
}


@commands.command()
def cost(
    events_per_day: Annotated[int, typer.Option(metavar="N", help="Events put on the bus.")],
    connections: Annotated[int, typer.Option(metavar="N", help="Clients connected at a time.")],
    relevant: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the events that one client wants, 0 to 1.")
    ],
    window: Annotated[int, typer.Option(metavar="SECONDS", help="How long a batch is waited for.")] = 1,
    event_bytes: Annotated[int, typer.Option(metavar="N", help="Size of an event, and of its hit.")] = 600,
    channels: Annotated[
        int | None, typer.Option(metavar="N", help="Different filters among the clients; else one for each.")
    ] = None,
    region: Annotated[str, typer.Option(metavar="NAME", help="Whose prices.")] = "us-east-1",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every meter.")] = False,
) -> None:
    """Reckon a month's AWS bill, beside that of the naive design.

    The naive design scans its table for each event and posts each hit to each client by itself.
    """
    asked = {
        "--events-per-day": events_per_day,
        "--connections": connections,
        "--relevant": relevant,
        "--window": window,
        "--event-bytes": event_bytes,
    }
    for option, value in asked.items():
        _hold(option, value, BOUNDS[option])
    filters = connections if channels is None else channels
    _hold("--channels", filters, Bounds(1, connections, f"from 1 to --connections, here {connections:,}"))
    if region not in prices.REGIONS:
        raise StackError(
            f"--region {region}: its prices are not known here, and none are guessed. Leave --region out "
            f"for those of {', '.join(prices.REGIONS)}; docs/cost.md tells what to put in their place."
        )
    load = bill.Workload(events_per_day, connections, filters, relevant, window, event_bytes)
    found = cost_view.comparison(load, region)
    typer.echo(
        json.dumps(cost_view.fields(found), indent=2) if as_json else "\n".join(cost_view.shown(found))
    )


def _hold(option: str, value: float, bounds: Bounds) -> None:
    if not bounds.least <= value <= bounds.most:
        raise StackError(f"{option} is {value}, and has to be {bounds.told}.")
