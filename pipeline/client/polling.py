"""The lower rung: the same subscriptions and the same cursors, by one long request after another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pipeline.client.news import Gap, Hits, Refusal, Refused
from pipeline.client.session import gap
from pipeline.client.subscription import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from pipeline.client.frames import Frame
    from pipeline.client.news import Hit, News
    from pipeline.client.pace import Pace
    from pipeline.client.subscription import Subscription

PAGE = 2_000
"""Hits of a page: the most that one search gives."""

EVERYONE = ("unauthorized", "forbidden", "http-401", "http-403")
"""Codes that refuse the asker, whatever it asks."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What to ask of ``GET /v1/hits``.

    Attributes:
        filter: The filter, in the form of an EventBridge event pattern.
        cursor: Where to go on from; None begins with the newest.
        limit: How many hits at most; None leaves it to the server.
        wait: Seconds that the server may wait for something new, at most 20.
        tag: The tag of the page that the same request got before.
        since: Where there is no cursor: the time to begin from, in ms since the epoch.
        conflate: Of which channel of the filter the cursor is. Every hit comes all the same.
    """

    filter: Frame
    cursor: str | None = None
    limit: int | None = None
    wait: float | None = None
    tag: str | None = None
    since: int | None = None
    conflate: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """An answer.

    Attributes:
        hits: Oldest first.
        cursor: Where to go on from; None where nothing has changed since the request's tag.
        more: Whether there is more already.
        tag: Names this answer, for the same request again.
        gap: What the server could not give, as it says it: ``from``, ``to``, ``reason``.
    """

    hits: list[Hit] = field(default_factory=list)
    cursor: str | None = None
    more: bool = False
    tag: str | None = None
    gap: Frame | None = None


class Pages(Protocol):
    """Asks the HTTP API for a page.

    Raises ``Refused`` where asking again is of no use, and ``OSError`` where it may be.
    """

    async def __call__(self, request: PageRequest) -> Page: ...  # noqa: D102 - see above


async def over_http(
    subscriptions: Sequence[Subscription], pages: Pages, pace: Pace
) -> AsyncGenerator[list[News]]:
    """Ask for every subscription until closed; the news of each answer, also when there are none.

    Raises:
        Refused: The server will not answer this token.
        OSError: It could not be asked, could not answer, or did not in time.
    """
    told: asyncio.Queue[list[News] | Refused | OSError] = asyncio.Queue(maxsize=1)
    tasks: dict[Subscription, asyncio.Task[None]] = {}
    try:
        while True:
            for each in subscriptions:
                if each.active and each not in tasks:
                    tasks[each] = asyncio.create_task(_follow(each, pages, pace, told))
            try:
                async with asyncio.timeout(pace.poll_rest):  # to look for new subscriptions now and then
                    news = await told.get()
            except TimeoutError:
                for task in tasks.values():
                    if task.done():
                        task.result()  # raises what nobody has foreseen
                continue
            if isinstance(news, Exception):
                raise news
            yield news
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _follow(
    subscription: Subscription, pages: Pages, pace: Pace, told: asyncio.Queue[list[News] | Refused | OSError]
) -> None:
    clock = asyncio.get_running_loop().time
    tag: str | None = None
    kept_since = clock()
    try:
        while _is_wanted(subscription):
            before = subscription.cursor
            page = await _ask(subscription, tag, pages, pace)
            if _is_wanted(subscription):  # it may have been left meanwhile
                await told.put(_take(subscription, page, renew=clock() > kept_since + pace.upgrade))
            if page is not None and subscription.cursor == before:
                tag = page.tag or tag
                await asyncio.sleep(pace.poll_rest)
            else:
                tag, kept_since = None, clock()
    except Refused as refused:
        if refused.code.startswith(EVERYONE):
            await told.put(refused)
            return
        subscription.phase = Phase.REFUSED
        await told.put([Refusal(subscription, refused.code, refused.text)])
    except OSError as trouble:
        await told.put(trouble if str(trouble) else TimeoutError("the server did not answer in time"))


def _is_wanted(subscription: Subscription) -> bool:
    return subscription.active


async def _ask(subscription: Subscription, tag: str | None, pages: Pages, pace: Pace) -> Page | None:
    """The next page; None where the server does not take the cursor."""
    cursor = subscription.cursor
    wait = pace.poll if subscription.phase is Phase.LIVE else 0
    since, conflate = subscription.since if cursor is None else None, subscription.conflate
    request = PageRequest(
        subscription.filter, cursor, _limit(subscription), wait or None, tag, since, conflate
    )
    try:
        async with asyncio.timeout(wait + pace.answer):
            return await pages(request)
    except Refused as refused:
        if refused.code != "bad-cursor" or cursor is None:
            raise
        return None


def _limit(subscription: Subscription) -> int | None:
    if subscription.cursor is not None or subscription.since is not None:
        return PAGE
    return None if subscription.snapshot is None else max(1, subscription.snapshot)


def _take(subscription: Subscription, page: Page | None, *, renew: bool) -> list[News]:
    """Take an answer: the news in it.

    Where nothing is new the cursor stays, so that the same can be asked again by its tag; unless it has
    stayed for so long (``renew``) that it might expire.
    """
    if page is None:
        subscription.cursor = None
        return [Gap(subscription, mended=False, reason="unknown-cursor")]
    news: list[News] = [] if page.gap is None else [gap(subscription, page.gap)]
    begins, live = subscription.cursor is None, subscription.phase is Phase.LIVE
    wanted = [] if begins and subscription.since is None and subscription.snapshot == 0 else page.hits
    if fresh := subscription.take(wanted, cursor=None):
        news.append(Hits(subscription, fresh, live=live))
    is_new = bool(begins or fresh or page.more or renew)
    subscription.polled(page.cursor if is_new else None, more=page.more)
    return news
