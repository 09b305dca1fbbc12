"""``query``: what is stored, without waiting for more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from pipeline.cli import clients, printing, typed
from pipeline.cli.clients import Access
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.cli.printing import Closed, Printer
from pipeline.cli.tail import CursorOption, FilterArgument, SinceOption, gap
from pipeline.client import Page, PageRequest, Refused, api
from pipeline.client.polling import PAGE
from pipeline.core import instant
from pipeline.local import deploy
from pipeline.local.errors import Mistyped, StackError

commands = typer.Typer()

NEWEST = 50
"""Hits where nothing says how many or since when: a screenful."""

PAUSES = (0.5, 1.0, 2.0)
"""Seconds before each further try at a page: a limit of so many requests a second is soon passed."""


@commands.command()
def query(  # noqa: PLR0913 - an option is an argument
    pattern: FilterArgument = None,
    since: SinceOption = None,
    cursor: CursorOption = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"Stop after so many; without --since the newest so many: {NEWEST}."),
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
    """Print the stored hits that match, in the order in which they were stored, the newest last.

    livedex query '{"service": ["payments"]}' --since 2h --json | jq .message
    """
    asked = typed.filter_of(pattern, None)
    typed.one_of(since=since, cursor=cursor)
    start = None if since is None else typed.since(since, int(time.time() * instant.SECOND))
    if since is None and cursor is None:
        limit = NEWEST if limit is None else limit
        if limit > PAGE:
            raise Mistyped(f"--limit is at most {PAGE} where nothing says since when: add --since.")
    access = clients.reach(target, stack, url=url, bearer=bearer, key=key, tenant=tenant)
    printer = Printer(as_json=as_json)
    try:
        show(PageRequest(asked, cursor, since=start), access, limit, printer.hits)
    except Closed:
        return
    except Refused as refused:
        raise clients.refusal(refused.code, refused.text) from refused


def show(
    first: PageRequest, access: Access, limit: int | None, take: Callable[[list[dict[str, Any]]], None]
) -> None:
    """Read page after page and hand over their hits; gaps, and where it stopped, are told.

    Args:
        first: Where to begin.
        access: Whom to ask.
        limit: Hits to stop after; None reads to the end.
        take: Gets the hits of a page.

    Raises:
        Refused: The server will not answer this.
        StackError: It cannot answer just now; the text says where to go on.
    """
    request, shown = first, 0
    while True:
        most = PAGE if limit is None else min(PAGE, limit - shown)
        page = _read(replace(request, limit=most), access)
        if page.gap:
            printing.remark(_gap(page.gap))
        found = [hit for hit in page.hits if _is_meant(hit, first)]
        take(found)
        shown += len(found)
        if not page.more or page.cursor is None:
            return
        request = PageRequest(first.filter, page.cursor)
        if shown == limit:
            printing.remark(f"there is more: go on with --cursor {page.cursor}")
            return


def _read(request: PageRequest, access: Access) -> Page:
    """A page, tried for a while."""
    for pause in (*PAUSES, None):
        try:
            return api.page(access.http, access.shown(), request)
        except OSError as trouble:
            if pause is None:
                rest = f"; go on with --cursor {request.cursor}" if request.cursor else ""
                raise StackError(f"{str(trouble).removesuffix('.')}: try again later{rest}.") from trouble
            time.sleep(pause)
    raise AssertionError("unreachable")


def _is_meant(hit: Mapping[str, Any], first: PageRequest) -> bool:
    """Whether a hit was stored since the time asked for; the service begins a little earlier."""
    ingested = hit.get("ingested")
    return first.since is None or not isinstance(ingested, int) or ingested >= first.since


def _gap(said: Mapping[str, Any]) -> str:
    start, end, reason = said.get("from"), said.get("to"), said.get("reason")
    return gap(
        reason if isinstance(reason, str) else json.dumps(reason),
        start if isinstance(start, int) else None,
        end if isinstance(end, int) else None,
    )
