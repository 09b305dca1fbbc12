"""``channels`` and ``connections``: who listens to what, and since when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pipeline.cli import endpoints, output
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.cli.output import JsonOption
from pipeline.core import instant
from pipeline.core.audience import Channel, Connection
from pipeline.local import deploy
from pipeline.local.errors import StackError
from pipeline.ports.connections import ConnectionTable
from pipeline.registry import why_unreadable
from pipeline.wiring import adapters, stories

commands = typer.Typer()
opened = typer.Typer()
commands.add_typer(opened, name="connections")

WIDTH = 60
"""Characters of a filter in a table; ``--json`` has all of it."""

TenantOption = Annotated[
    str | None, typer.Option(help="Only this tenant; else every one that has, or had, channels.")
]


@commands.command()
def channels(
    *,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Show the channels, their members, and how many of these are behind; and what each tenant has in all."""
    found = endpoints.find(target, stack)
    table, now = adapters.table(found.settings), adapters.clock(found.settings).now()
    rows = [
        _channel(channel, touch, table, now)
        for each in _tenants(tenant, table)
        for channel, touch in table.touched(each)
    ]
    _print(rows, as_json=as_json, nothing="There are no channels: nobody has subscribed, or all have left.")
    if not as_json:
        _sum_up("channels", "members", rows)
    if unreadable := [row for row in rows if row["unreadable"]]:
        typer.echo(
            f"{len(unreadable)} of them have a filter that this release cannot read, so nothing is pushed to "
            "their members: they are marked behind and read what they missed. Deploy the release that they "
            "subscribed with; a filter that no release reads is damaged, and goes when its last member does. "
            "The first: " + unreadable[0]["unreadable"],
            err=True,
        )


@opened.callback(invoke_without_command=True)
def connections(
    context: typer.Context,
    *,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Show who is connected, since when, and with how many subscriptions; and what each tenant has in all."""
    if context.invoked_subcommand:
        return
    found = endpoints.find(target, stack)
    table, now = adapters.table(found.settings), adapters.clock(found.settings).now()
    rows = [
        _connection(connection, table)
        for each in _tenants(tenant, table)
        for connection in table.connections(each, now)
    ]
    _print(rows, as_json=as_json, nothing="Nobody is connected.")
    if not as_json:
        _sum_up("connections", "subscriptions", rows)


@opened.command()
def close(
    named: Annotated[str, typer.Argument(metavar="ID", help="The connection, as listed.")],
    *,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Close a connection now. Its client may come back as long as its token or key holds."""
    found = endpoints.find(target, stack)
    connection, closed = stories.closing(found.settings)(named)
    principal = connection.principal
    holds = "key is revoked: `livedex key revoke`" if principal.key else "token ends"
    until = instant.iso(principal.expires)
    if as_json:
        typer.echo(json.dumps({"connection": connection.id, "closed": closed, "may_return_until": until}))
    elif closed:
        typer.echo(
            f"Closed {connection.id} of {principal.subject} ({principal.tenant}). It may come back until its "
            f"{holds} ({until})."
        )
    if not closed:
        raise StackError(
            "The connection could not be closed. It gets no more hits, and is closed as soon as it sends "
            "anything."
        )


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
        "unreadable": why_unreadable(channel) or None,
        "filter": _parsed(channel.filter),
    }


def _parsed(text: str) -> object:
    """A filter as JSON; as its text where it is damaged."""
    try:
        return json.loads(text)
    except ValueError:
        return text


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
        cells = ({name: _cell(name, each) for name, each in row.items()} for row in _marked(rows))
        typer.echo("\n".join(output.table(cells)))
    else:
        typer.echo(nothing)


def _sum_up(what: str, counted: str, rows: Sequence[dict[str, Any]]) -> None:
    """Tell of each tenant how many rows it has, and the sum of a count; to stderr, for stdout is the list."""
    for tenant in dict.fromkeys(row["tenant"] for row in rows):
        own = [row[counted] for row in rows if row["tenant"] == tenant]
        typer.echo(f"{tenant}: {what} {len(own)}, {counted} {sum(own)}", err=True)


def _marked(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as a table has them: a filter that cannot be read says so itself."""
    return [
        {
            name: f"UNREADABLE {value}" if name == "filter" and row["unreadable"] else value
            for name, value in row.items()
            if name != "unreadable"
        }
        for row in rows
    ]


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
