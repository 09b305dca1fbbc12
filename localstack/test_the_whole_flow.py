"""One event in, one frame out, through every real part; and what must not come out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import urllib3

from tests.running import envelope, wait_for

if TYPE_CHECKING:
    from tests.running import Deployed


def test_marked_events_are_stored_once_delivered_once_and_shown_to_nobody_else(deployed: Deployed) -> None:
    ran = deployed.livedex("smoke", "--events", "200", "--json")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    figures = json.loads(ran.stdout)
    assert (figures["stored"], figures["found"], figures["delivered"]) == (200, 200, 200)
    assert (
        figures["leaked_filter"],
        figures["leaked_tenant"],
        figures["left_in_queues"],
        figures["dead"],
    ) == (0,) * 4


def test_bad_events_in_the_middle_of_good_ones_cost_only_themselves(deployed: Deployed, service: str) -> None:
    good = [envelope(service, number) for number in range(100)]
    nameless = envelope(service, 1_000)
    del nameless["detail"]["eventId"]
    old = (datetime.now(UTC) - timedelta(days=40)).isoformat()  # noqa: TID251 - a real event happens now
    bad = [nameless, envelope(service, 1_001, occurredAt=old), envelope(service, 1_002, occurredAt="soon")]
    unrouted = {**envelope(service, 1_003), "source": f"nobody.{service}"}

    deployed.put(*good[:50], *bad, unrouted, *good[50:])
    deployed.client("sqs").send_message(
        QueueUrl=deployed.outputs["EventsQueueUrl"], MessageBody=f"no JSON, but of {service}"
    )

    letters = wait_for(lambda: deployed.dead_letters(service), lambda found: len(found) >= 4)
    reasons = sorted(letter["MessageAttributes"]["reason"]["StringValue"] for letter in letters)
    assert reasons == ["bad-time", "malformed", "no-identity", "too-old"]
    stored = wait_for(lambda: deployed.facts(service), lambda found: len(found) >= 100)
    assert stored == sorted(event["detail"]["eventId"] for event in good)
    caught = wait_for(lambda: deployed.documents(source=f"nobody.{service}"), bool)
    assert [document["_index"].partition("-")[0] for document in caught] == ["events"]


def test_a_token_that_does_not_hold_gets_no_ticket(deployed: Deployed) -> None:
    answer = urllib3.request(
        "POST", deployed.outputs["HttpUrl"] + "/v1/tickets", headers={"authorization": "Bearer e30.e30.e30"}
    )

    assert answer.status == 401
    assert answer.json()["error"]["code"] == "unauthorized"


def test_a_filter_that_cannot_be_read_is_refused_with_the_way_out(deployed: Deployed) -> None:
    ran = deployed.livedex("tail", "--filter", '{"servce":["payments"]}')

    assert ran.returncode == 2
    assert "servce" in ran.stderr
    assert "service" in ran.stderr
