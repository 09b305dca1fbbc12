"""A client of the live index: subscribe with a filter, get each hit once, miss nothing.

.. code-block:: python

    dial, pages = api.dialler(http_url, lambda: token), api.pager(http_url, lambda: token)
    async with Client(dial, pages=pages) as client:
        client.subscribe({"service": ["payments"]}, snapshot=20)
        async for news in client:
            if isinstance(news, Hits):
                for hit in news.hits:
                    print(hit["timestamp"], hit["message"])

What it promises: every hit of a subscription arrives at least once for as long as the server keeps
the data, and is told once; after a lost connection it comes back by itself, with a fresh ticket,
and goes on from its cursor. What was missed for good is told as a ``Gap``, never passed over.

``subscription`` and ``session`` hold all the rules and do no input or output; ``client`` gives them a
socket and a clock. The browser's client in ``web/client`` follows the same rules; ``docs/client.md`` tells
them, and ``tests/scenarios`` holds both to them.
"""

from __future__ import annotations

from pipeline.client import api
from pipeline.client.client import Client, Dial
from pipeline.client.news import Gap, Hits, News, Notice, Refusal, Refused, Status, StatusChange
from pipeline.client.pace import Pace
from pipeline.client.polling import Page, PageRequest, Pages
from pipeline.client.subscription import Subscription

__all__ = [
    "Client",
    "Dial",
    "Gap",
    "Hits",
    "News",
    "Notice",
    "Pace",
    "Page",
    "PageRequest",
    "Pages",
    "Refusal",
    "Refused",
    "Status",
    "StatusChange",
    "Subscription",
    "api",
]
