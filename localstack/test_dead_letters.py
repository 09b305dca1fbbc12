"""Dead letters through the whole flow: rejected by the function, looked at, mended, redriven."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.running import envelope, wait_for

if TYPE_CHECKING:
    from tests.running import Deployed


def letters(deployed: Deployed, service: str) -> dict[str, dict[str, Any]]:
    """The events' dead letters whose body names the service, by id, as `dlq show` has them."""
    shown = deployed.livedex("dlq", "show", "--hop", "events", "--json", "--count", "1000")
    return {each["id"]: each for each in json.loads(shown.stdout) if service in each["body"]}


def test_letters_are_shown_foretold_redriven_and_dropped(deployed: Deployed, service: str) -> None:
    nameless = envelope(service, 1)
    del nameless["detail"]["eventId"]
    deployed.put(nameless)
    mended = {**envelope(service, 2), "id": service, "time": "2026-01-01T00:00:00Z"}
    deployed.client("sqs").send_message(
        QueueUrl=deployed.outputs["EventsDeadLetterQueueUrl"],
        MessageBody=json.dumps(mended),
        MessageAttributes={"reason": {"DataType": "String", "StringValue": "defect"}},
    )
    first = wait_for(lambda: letters(deployed, service), lambda found: len(found) == 2)
    reasons = {each["reason"]: each for each in first.values()}
    assert json.loads(reasons["no-identity"]["body"])["detail"] == nameless["detail"]

    told = deployed.livedex("dlq", "redrive", *first, "--hop", "events", "--dry-run", "--json")
    fates = {first[each["id"]]["reason"]: each["fate"] for each in json.loads(told.stdout)}
    assert fates == {"no-identity": "still rejected", "defect": "stored"}

    assert deployed.livedex("dlq", "redrive", *first, "--hop", "events").returncode == 0

    assert wait_for(lambda: deployed.facts(service), bool) == [f"{service}-2"]
    (again,) = wait_for(lambda: letters(deployed, service).values(), bool)
    assert again["id"] not in first, "rejected once more, it is a letter of its own"
    assert again["body"] == reasons["no-identity"]["body"]
    assert deployed.livedex("dlq", "drop", again["id"], "--hop", "events", "--yes").returncode == 0
    assert letters(deployed, service) == {}


def test_history_from_a_file_is_stored_once_and_announced_to_nobody(deployed: Deployed, service: str) -> None:
    file = deployed.folder / f"{service}.ndjson"
    file.write_text("\n".join(json.dumps(envelope(service, number)) for number in range(20)))
    before = len(deployed.lines("broadcast"))

    first = json.loads(deployed.livedex("backfill", str(file), "--json").stdout)
    second = json.loads(deployed.livedex("backfill", str(file), "--json").stdout)

    assert (first["stored"], second["already_there"]) == (20, 20)
    assert len(deployed.facts(service)) == 20
    assert len(deployed.lines("broadcast")) == before
