"""``channels`` and ``connections``: who listens to what, and since when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from pipeline import wiring
from pipeline.cli import endpoints
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.core import instant
from pipeline.core.audience import Channel, Connection
from pipeline.local import deploy
from pipeline.ports import ConnectionTable

commands = typer.Typer()

WIDTH = 60
"""Characters of a filter in a table; ``--json`` has all of it."""

TenantOption = Annotated[
    str | None, typer.Option(help="Only this tenant; else every one that has, or had, channels.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command()
def channels(
    *,
    tenant: TenantOption = None,
    as_json: Json = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Show the channels, their members, and how many of these are behind."""
    found = endpoints.find(target, stack)
    table, now = wiring.table(found.settings), wiring.clock(found.settings).now()
    rows = [
        _channel(channel, touch, table, now)
        for each in _tenants(tenant, table)
        for channel, touch in table.touched(each)
    ]
    _print(rows, as_json=as_json, nothing="There are no channels: nobody has subscribed, or all have left.")


@commands.command()
def connections(
    *,
    tenant: TenantOption = None,
    as_json: Json = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Show who is connected, since when, and with how many subscriptions."""
    found = endpoints.find(target, stack)
    table, now = wiring.table(found.settings), wiring.clock(found.settings).now()
    rows = [
        _connection(connection, table)
        for each in _tenants(tenant, table)
        for connection in table.connections(each, now)
    ]
    _print(rows, as_json=as_json, nothing="Nobody is connected.")


def _tenants(tenant: str | None, table: ConnectionTable) -> Sequence[str]:
    return sorted(table.tenants()) if tenant is None else [tenant]


def _channel(channel: Channel, touch: int, table: ConnectionTable, now: int) -> dict[str, Any]:
    members = table.members(channel, now)
    return {
        "tenant": channel.tenant,
        "channel": channel.id,
        "members": len(members),
        "lagged": sum(member.lagged is not None for member in members),
        "joined": instant.iso(touch),
        "age": max(0, now - touch) // 1_000,
        "conflate": channel.conflate or None,
        "filter": json.loads(channel.filter),
    }


def _connection(connection: Connection, table: ConnectionTable) -> dict[str, Any]:
    return {
        "tenant": connection.principal.tenant,
        "connection": connection.id,
        "subject": connection.principal.subject,
        "since": instant.iso(connection.since),
        "expires": instant.iso(connection.principal.expires),
        "subscriptions": len(table.subscriptions(connection.id)),
    }


def _print(rows: Sequence[dict[str, Any]], *, as_json: bool, nothing: str) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        typer.echo(
            "\n".join(_lines([{name: _cell(name, each) for name, each in row.items()} for row in rows]))
        )
    else:
        typer.echo(nothing)


def _cell(name: str, value: object) -> str:
    """A value as people read it: seconds as a length of time, a filter as its text, nothing as a dash."""
    if name == "age" and isinstance(value, int):
        return _length(value)
    if name == "filter":
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
    return "-" if value is None else str(value)


def _length(seconds: int) -> str:
    minutes, hours = seconds // 60, seconds // 3_600
    return f"{seconds}s" if not minutes else f"{minutes}m" if not hours else f"{hours}h {minutes % 60}m"


def _lines(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """A table whose last column is as long as it likes."""
    shown = [{name: name.upper() for name in rows[0]}, *rows]
    widths = {name: max(len(row[name]) for row in shown) for name in shown[0]}
    for row in shown:
        yield "  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip()
