"""``key``: API keys, by which programs come in that have no identity provider."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline import keeping_keys
from pipeline.cli import endpoints, output
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.cli.output import JsonOption
from pipeline.core import instant
from pipeline.core.audience import ApiKey
from pipeline.core.model import DEFAULT_TENANT
from pipeline.local import deploy
from pipeline.local.errors import StackError
from pipeline.wiring import adapters, stories

commands = typer.Typer()
key = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
commands.add_typer(key, name="key")

DAYS = 365
"""That a key lives where nothing else is said: a key nobody remembers ends by itself."""

ID = 12
"""Characters of a key's hash that name it in a list."""


@key.command()
def create(
    name: Annotated[str, typer.Option(help="Who the bearer is; shown in lists and logs.")],
    *,
    tenant: Annotated[
        str | None, typer.Option(help="Whose hits its bearer may see; needed where tenancy is required.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=keeping_keys.LONGEST, help="How long it lives.")] = DAYS,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    found = endpoints.find(target, stack)
    owner = _owner(tenant, found.settings.tenancy)
    text, made = stories.creating_keys(found.settings)(owner, name, days)
    if as_json:
        typer.echo(json.dumps({"key": text, **_fields(made, made.created)}, indent=2))
        return
    typer.echo(text)
    typer.echo(
        f"for {made.name} of tenant {made.tenant}, until {instant.iso(made.expires)[:10]}; "
        "it is not shown again. Send it as the header x-api-key.",
        err=True,  # so that the key can be piped
    )


@key.command("list")
def list_(
    *, as_json: JsonOption = False, target: TargetOption = Target.LOCAL, stack: StackOption = deploy.STACK
) -> None:
    """Show every key: whose it is, how it begins, and whether it still holds."""
    found = endpoints.find(target, stack)
    now = adapters.clock(found.settings).now()
    keys = list(adapters.table(found.settings).keys())
    if as_json:
        typer.echo(json.dumps([_fields(each, now) for each in keys], indent=2))
    elif keys:
        typer.echo("\n".join(output.table(_row(_fields(each, now)) for each in keys)))
    else:
        typer.echo("There are no keys: make one with `livedex key create`.")


@key.command()
def revoke(
    named: Annotated[str, typer.Argument(metavar="KEY", help="Its ID or beginning, as listed; or itself.")],
    *,
    as_json: JsonOption = False,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Revoke a key for good, and close the connections that it opened."""
    found = endpoints.find(target, stack)
    meant = keeping_keys.find(named, adapters.table(found.settings))
    done = stories.revoking_keys(found.settings)(meant)
    if as_json:
        typer.echo(json.dumps({"id": meant.hash[:ID], "closed": done.closed, "left": done.left}))
    else:
        typer.echo(f"{meant.hint}… of {meant.name} is revoked; {done.closed} connections closed.")
    if done.left:
        raise StackError(
            f"{done.left} connections could not be closed. They get no more hits, and are closed as soon as "
            "they send anything."
        )


def _owner(tenant: str | None, tenancy: str) -> str:
    if tenancy == "single":
        if tenant not in (None, DEFAULT_TENANT):
            raise StackError("All share one tenant on this stack (Tenancy=single): leave --tenant out.")
        return DEFAULT_TENANT
    if tenant is None:
        raise StackError("Whose key? Say --tenant TENANT: tenancy is required on this stack.")
    return tenant


def _fields(listed: ApiKey, now: int) -> dict[str, str]:
    return {
        "id": listed.hash[:ID],
        "begins": listed.hint,
        "tenant": listed.tenant,
        "name": listed.name,
        "created": instant.iso(listed.created),
        "expires": instant.iso(listed.expires),
        "state": _state(listed, now),
    }


def _state(listed: ApiKey, now: int) -> str:
    if listed.revoked is not None:
        return f"revoked {instant.iso(listed.revoked)}"
    return "holds" if listed.expires > now else "ended"


def _row(fields: dict[str, str]) -> dict[str, str]:
    """A key as the table has it: until which day it holds, not when it was made."""
    shown = {**fields, "expires": fields["expires"][:10]}
    return {name: shown[name] for name in ("id", "begins", "tenant", "name", "expires", "state")}
