"""``token`` and ``tail``: be a client."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pipeline.cli import endpoints, hit_lines, tokens
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.client import Client, Gap, Hits, News, Notice, Refusal, StatusChange, api
from pipeline.core.errors import Refused
from pipeline.local import deploy
from pipeline.local.errors import StackError

commands = typer.Typer()

DAY = 86_400
"""Seconds."""

TenantOption = Annotated[str, typer.Option("--tenant", help="Whose events to see; local only.")]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="LIVEDEX_TOKEN", help="Your identity provider's token; for aws."),
]


@commands.command()
def token(
    tenant: Annotated[str, typer.Option(help="Whose events its bearer may see.")] = "acme",
    subject: Annotated[str, typer.Option(help="Who the bearer is.")] = "developer",
    ttl: Annotated[int, typer.Option(min=1, help="Seconds until it expires.")] = DAY,
    target: TargetOption = Target.LOCAL,
) -> None:
    """Print a development token for the local stack."""
    if target is Target.AWS:
        raise StackError(
            "Development tokens are for local stacks only; a stack on AWS takes the tokens of the issuer "
            "it was deployed with (parameters JwtIssuer, JwtAudience, JwksUrl)."
        )
    typer.echo(mint(tenant, subject, ttl))


def mint(tenant: str, subject: str = "developer", ttl: int = DAY) -> str:
    """A development token of this folder's stack."""
    secret = endpoints.secret(Path.cwd())
    return tokens.mint(secret, tenant=tenant, subject=subject, now=int(time.time()), ttl=ttl)


@commands.command()
def tail(
    pattern: Annotated[
        str, typer.Option("--filter", metavar="JSON", help="Which hits, as an event pattern.")
    ] = "{}",
    snapshot: Annotated[int, typer.Option(min=0, help="How many of the newest hits to begin with.")] = 10,
    tenant: TenantOption = "acme",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print each hit as one line of JSON.")] = False,
    bearer: TokenOption = None,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Print hits as they come, until Ctrl-C. Status goes to stderr.

    livedex tail --filter '{"service": ["payments"], "latencyMs": [{"numeric": [">", 500]}]}'
    """
    asked = read_filter(pattern)
    found = endpoints.find(target, stack)
    dial = api.dialler(found.http, bearer_of(target, bearer, tenant))
    try:
        refusal = asyncio.run(_follow(Client(dial), asked, snapshot, json_line if as_json else human_line()))
    except (KeyboardInterrupt, asyncio.CancelledError):  # Ctrl-C, or terminated
        return
    if refusal is not None:
        raise Refused(refusal.code, refusal.text)


def read_filter(text: str) -> dict[str, Any]:
    """The filter as typed.

    Raises:
        StackError: It is no JSON object.
    """
    try:
        asked = json.loads(text)
    except ValueError as error:
        raise StackError(
            f'--filter is not JSON ({error}); for example: \'{{"service": ["payments"]}}\''
        ) from error
    if not isinstance(asked, dict):
        raise StackError('--filter is no JSON object; for example: \'{"service": ["payments"]}\'')
    return asked


def bearer_of(target: Target, given: str | None, tenant: str, option: str = "--token") -> Callable[[], str]:
    """Where tokens come from: the given one, else, locally, a fresh one each time.

    Raises:
        StackError: On AWS none was given.
    """
    if given is not None:
        return lambda: given
    if target is Target.AWS:
        raise StackError(f"On AWS say {option}: a token of the issuer that the stack was deployed with.")
    return lambda: mint(tenant)


async def _follow(
    client: Client, asked: dict[str, Any], snapshot: int, show: Callable[[dict[str, Any]], None]
) -> Refusal | None:
    """Show hits until the client is refused; the refusal. A terminated process ends as by Ctrl-C."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    refusal = None
    async with client:
        client.subscribe(asked, snapshot=snapshot)
        async for news in client:
            if isinstance(news, Hits):
                for hit in news.hits:
                    show(hit)
            elif isinstance(news, Refusal):
                refusal = news
            else:
                sys.stderr.write(f"-- {remark(news)}\n")
    return refusal


def remark(news: News) -> str:
    """What a client tells beside hits, as a line for people."""
    match news:
        case StatusChange(status, why):
            return f"{status.value}: {why}" if why else status.value
        case Gap(mended=True):
            return "some hits did not reach us in time; fetching them"
        case Gap(reason=reason, start=start, end=end):
            return f"gap: hits between {start} and {end} may be missing ({reason})"
        case Notice(code, text):
            return f"{code}: {text}"
        case _:
            return ""


def json_line(hit: dict[str, Any]) -> None:
    """Print a hit for programs."""
    sys.stdout.write(json.dumps(hit, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def human_line() -> Callable[[dict[str, Any]], None]:
    """Prints hits for people."""
    console = Console(highlight=False)

    def show(hit: dict[str, Any]) -> None:
        today = datetime.fromtimestamp(time.time(), UTC).date().isoformat()
        console.print(hit_lines.line(hit, today), soft_wrap=True)

    return show
