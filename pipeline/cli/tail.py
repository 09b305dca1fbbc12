"""``tail``: hits as they come."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import bookmark, clients, printing, typed
from pipeline.cli.bookmark import Place
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.cli.printing import Closed, Printer
from pipeline.client import Client, Gap, Hits, News, Notice, Refusal, StatusChange, Subscription, api
from pipeline.core import instant
from pipeline.local import deploy
from pipeline.local.errors import Mistyped

commands = typer.Typer()

SNAPSHOT = 10
"""Hits to begin with, where nothing else is said."""

KEEP = 10.0
"""Seconds between two writes of the cursor file. A process that is killed shows again what came since."""

FilterArgument = Annotated[
    str | None, typer.Argument(metavar="FILTER", help="Which hits, as an event pattern in JSON; all.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(help="Begin so long ago (90s, 15m, 2h, 7d) or at a time (2026-11-22T10:00Z); when stored."),
]
CursorOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Go on from where an earlier run ended.")
]


@commands.command()
def tail(  # noqa: PLR0913 - an option is an argument
    pattern: FilterArgument = None,
    option: Annotated[str | None, typer.Option("--filter", metavar="JSON", help="The same.")] = None,
    snapshot: Annotated[
        int | None, typer.Option(min=0, max=2_000, help=f"Begin with so many of the newest; {SNAPSHOT}.")
    ] = None,
    since: SinceOption = None,
    cursor: CursorOption = None,
    cursor_file: Annotated[
        Path | None,
        typer.Option(help="Keep the cursor in this file, and go on from it where it is there already."),
    ] = None,
    conflate: Annotated[
        str | None,
        typer.Option(metavar="ATTRIBUTE", help="Of hits with equal values of it, only the latest."),
    ] = None,
    tenant: clients.TenantOption = "acme",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print each hit as one line of JSON.")] = False,
    bearer: clients.TokenOption = None,
    key: clients.KeyOption = None,
    url: clients.UrlOption = None,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
) -> None:
    """Print hits as they come, until Ctrl-C. Status, gaps and at the end the cursor go to stderr.

    livedex tail '{"service": ["payments"], "latencyMs": [{"numeric": [">", 500]}]}' --since 2h

    --cursor may show again what came in the half minute before it; --cursor-file does not.
    """
    asked = typed.filter_of(pattern, option)
    typed.one_of(cursor=cursor, since=since, snapshot=snapshot)
    start = None if since is None else typed.since(since, int(time.time() * instant.SECOND))
    if cursor is not None and cursor_file is not None:
        raise Mistyped("--cursor and --cursor-file both say where to go on: leave one out.")
    kept = bookmark.read(cursor_file) if cursor_file else Place(cursor, ()) if cursor else None
    access = clients.reach(target, stack, url=url, bearer=bearer, key=key, tenant=tenant)
    client = Client(api.dialler(access.http, access.shown), pages=api.pager(access.http, access.shown))
    subscription = client.subscribe(
        asked,
        snapshot=SNAPSHOT if snapshot is None else snapshot,
        cursor=kept.cursor if kept else None,
        conflate=conflate,
        since=start,
        seen=kept.seen if kept else (),
    )
    printer = Printer(as_json=as_json)

    def keep() -> None:
        if cursor_file:
            bookmark.keep(cursor_file, subscription)

    try:
        refusal = asyncio.run(follow(client, printer, keep, goes_on=kept is not None))
    except Closed:  # what was not read was not shown: the next one goes on from before it
        return
    except (KeyboardInterrupt, asyncio.CancelledError):  # Ctrl-C, or terminated
        refusal = None
    keep()
    if subscription.cursor is not None or refusal is None:
        _farewell(subscription, cursor_file)
    if refusal is not None:
        raise clients.refusal(refusal.code, refusal.text)


async def follow(
    client: Client, printer: Printer, keep: Callable[[], None], *, goes_on: bool = False
) -> Refusal | None:
    """Show hits until the client is refused; the refusal. A terminated process ends as by Ctrl-C.

    Args:
        client: With its one subscription.
        printer: Where hits go.
        keep: Called now and then, each time with all shown that the subscription's cursor covers.
        goes_on: Whether its cursor was given, so that it must be one of this filter's.

    Raises:
        Closed: Nobody reads the output any more.
        Mistyped: The cursor is none of this filter's.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    refusal, due = None, loop.time() + KEEP
    async with client:
        async for news in client:
            match news:
                case Hits(hits=hits):
                    printer.hits(hits)
                case Refusal():
                    refusal = news
                case Gap(reason="unknown-cursor") if goes_on:
                    raise Mistyped(
                        "The cursor belongs to another filter, tenant or --conflate, or is none of ours: "
                        "leave it out, or give the filter that it came with."
                    )
                case _:
                    printing.remark(remark(news))
            if loop.time() >= due:
                keep()
                due = loop.time() + KEEP
    return refusal


def remark(news: News) -> str:
    """What a client tells beside hits, as a line for people."""
    match news:
        case StatusChange(status, why):
            return f"{status.value}: {why}" if why else status.value
        case Gap(mended=True):
            return "some hits did not reach us in time; fetching them"
        case Gap(reason="sampled", kept=kept, of=of, since=since):
            return f"gap: {kept} of {of} hits came, the newest (sampled); all of them: --cursor {since}"
        case Gap(reason=reason, start=start, end=end):
            return gap(reason, start, end)
        case Notice(code, text):
            return f"{code}: {text}"
        case _:
            return ""


def gap(reason: str, start: int | None, end: int | None) -> str:
    """Tell of what cannot be had any more; times in ms since the epoch, None where they are not known."""
    begin = "the cursor" if start is None else instant.iso(start)
    until = "now" if end is None else instant.iso(end)
    return f"gap: hits between {begin} and {until} may be missing ({reason})"


def _farewell(subscription: Subscription, file: Path | None) -> None:
    if subscription.cursor is None:
        printing.remark("no cursor yet: what there was had not wholly arrived")
    elif file is None:
        printing.remark(f"go on with --cursor {subscription.cursor}")
    else:
        printing.remark(f"go on with --cursor-file {file} (--cursor {subscription.cursor})")
