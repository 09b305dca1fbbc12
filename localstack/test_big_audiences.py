"""An audience too big for one broadcast: the real queue, table and function, and a twin of the gateway."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from pipeline import settings
from pipeline.adapters import dynamodb
from pipeline.core import instant
from pipeline.core.audience import Connection, Principal
from pipeline.local.gateway_twin import Answer, GatewayTwin
from pipeline.wiring import stories
from tests.examples import announced, channel, delta
from tests.running import wait_for

if TYPE_CHECKING:
    from pipeline.core.audience import Channel, Late
    from tests.running import Deployed

MEMBERS = 20
SLOW = 3
"""The member who does not get its frame."""


def test_jobs_reach_everybody_mark_who_missed_it_and_close_their_rows(
    deployed: Deployed, service: str
) -> None:
    asked = settings.read(
        {
            "LIVEDEX_TARGET": "local",
            "AWS_ENDPOINT_URL": deployed.aws,
            "LIVEDEX_TABLE": deployed.outputs["TableName"],
            "LIVEDEX_FANOUT_QUEUE_URL": deployed.outputs["FanoutQueueUrl"],
            "LIVEDEX_POSTS_PER_SECOND": "1",
        }
    )
    table, now = dynamodb.connect(asked), round(time.time() * 1_000)
    big = channel({"service": [service]}, service)
    names = [f"{service}-{number}" for number in range(MEMBERS)]
    with GatewayTwin() as twin:
        for name in names:
            twin.open(name)
            member = Connection(name, twin.endpoint, Principal(service, name, now + instant.DAY))
            table.connect(member)
            table.subscribe(member, big, now)
        twin.answer(names[SLOW], Answer(429))
        news = replace(delta(service=service, tenant=service), ingested=now - instant.HOUR)

        report = stories.broadcasting(asked)([announced(news)], deadline=now + 60_000)
        rows = wait_for(lambda: table.late(service, now), lambda found: not any(map(_open, found)))

        got = {name: twin.frames(name) for name in names}
    assert (report.jobs, report.returned, report.trouble) == (4, (), "")
    assert [name for name in names if not got[name]] == [names[SLOW]]
    assert {len(frames) for frames in got.values()} == {0, 1}
    (hit,) = orjson.loads(got[names[0]][0])["hits"]
    assert hit["id"] == news.id
    assert [_tells_of(row, news.ingested) for row in rows] == [True] * len(rows) != []
    assert [_marked(table, name, big) for name in names].count(True) == 1
    assert _marked(table, names[SLOW], big)


def _open(row: Late) -> bool:
    return row.ingested_to is None


def _tells_of(row: Late, ingested: int) -> bool:
    return row.ingested_from <= ingested < (row.ingested_to or 0)


def _marked(table: dynamodb.DynamoConnectionTable, name: str, big: Channel) -> bool:
    return [found.id for found, _ in table.lagged(name)] == [big.id]
