"""``smoke``: prove a running stack, end to end."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipeline.cli import endpoints, trial
from pipeline.cli.clients import TokenOption, bearer_of
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.cli.proof import Percentiles, Verdict, judge
from pipeline.client import Refused
from pipeline.core import errors
from pipeline.local import deploy
from pipeline.local.errors import StackError

commands = typer.Typer()


@commands.command()
def smoke(
    events: Annotated[int, typer.Option(min=1, max=100_000, help="How many events to put.")] = 200,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for each stage.")] = 120.0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    bearer: TokenOption = None,
    other_bearer: Annotated[
        str | None,
        typer.Option(
            "--other-token", envvar="LIVEDEX_OTHER_TOKEN", help="A token of another tenant; for aws."
        ),
    ] = None,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Show that events are indexed once, found, delivered once, and shown to nobody else. Exit 1 if not."""
    found = endpoints.find(target, stack)
    ours = _party(found, bearer, "acme", "--token")
    others = _party(found, other_bearer, "globex", "--other-token")
    if ours.tenant == others.tenant:
        raise StackError(
            f"Both tokens are of the tenant {ours.tenant}: give one of another with --other-token."
        )
    tell = (lambda _text: None) if as_json else _progress
    run = secrets.token_hex(4)
    try:
        seen = asyncio.run(trial.run(trial.Trial(found, run, events, ours, others, timeout, tell)))
    except Refused as refused:
        raise errors.Refused(refused.code, refused.text) from refused
    except TimeoutError:
        raise StackError(f"The subscribers were not live within {timeout:g} s: see `livedex logs`.") from None
    verdict = judge(seen, events)
    typer.echo(json.dumps(verdict.fields())) if as_json else Console().print(table(verdict))
    if not verdict.ok:
        raise typer.Exit(1)


def _party(found: endpoints.Stack, bearer: str | None, tenant: str, option: str) -> trial.Party:
    token = bearer_of(found.target, bearer, tenant, option)
    claim = found.settings.tenant_claim
    named = endpoints.claims(token()).get(claim)
    if not isinstance(named, str):
        raise StackError(
            f"The token of {option} has no claim {claim!r} that names a tenant: smoke shows that tenants are "
            "apart, so it needs a stack with Tenancy=required and tokens of two tenants."
        )
    return trial.Party(named, token)


def _progress(text: str) -> None:
    sys.stderr.write(f"-- {text}\n")


def table(verdict: Verdict) -> Table:
    """The verdict for people."""
    shown = Table(
        title=f"livedex smoke: {'all holds' if verdict.ok else 'NOT all holds'}", title_justify="left"
    )
    shown.add_column("")
    shown.add_column("is", justify="right")
    shown.add_column("must be", justify="right")
    shown.add_column("")
    for name, is_, must in verdict.checks:
        good = is_ == must
        shown.add_row(name, str(is_), str(must), "✔" if good else "✖", style="" if good else "bold red")
    shown.add_row("came again, dropped by id", str(verdict.duplicates), "", "")
    shown.add_section()
    shown.add_row("put → index, ms", _pair(verdict.put_to_index_ms), "p50 / p99", "")
    shown.add_row("put → client, ms", _pair(verdict.put_to_client_ms), "p50 / p99", "")
    return shown


def _pair(of: Percentiles) -> str:
    return "-" if of.p50 is None else f"{of.p50:,} / {of.p99:,}"
