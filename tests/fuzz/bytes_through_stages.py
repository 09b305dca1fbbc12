"""Bytes that atheris finds, through the pure stages: a document that keeps its event, or a rejection.

``make soak`` runs it where atheris has a wheel for this Python; elsewhere it says so and is skipped::

    python -m tests.fuzz.bytes_through_stages 300     (seconds)

Source:
    https://github.com/google/atheris
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".tools" / "atheris"
"""Where ``make soak`` puts it: no environment of ours needs it."""

SECONDS = "300"
OCCURRED = 1_795_341_605_000
"""2026-11-22T10:00:05Z, when all of this happens."""

LONGEST = 20_000
"""Bytes of an input. Beyond LONGEST_TERM nothing new happens, but slowly."""

HEAD = '{"id":"1","source":"payments","detail-type":"Any","time":1795341605000,"detail":'
NEEDED = '"eventId":"1","occurredAt":1795341605000}'


def seeds(folder: Path) -> None:
    """Write what it starts from: the real envelopes, and what is hard about text."""
    from tests.fuzz import hostile  # noqa: PLC0415 - Hypothesis is not to be instrumented

    texts = [file.read_text() for file in (ROOT / "tests" / "events").glob("*.json")]
    texts += [*hostile.ODD_NUMBERS, *hostile.NO_NUMBERS, *hostile.NO_TEXTS]
    texts += [json.dumps(text) for text in (*hostile.ODD_TEXTS, *hostile.ODD_KEYS)]
    for number, text in enumerate(texts):
        (folder / str(number)).write_bytes(text.encode(errors="surrogatepass"))


def through(body: str, routes: Any) -> None:  # noqa: ANN401 - imported after atheris
    """Take a body through the stages; whatever is no rejection escapes."""
    from pipeline.core import bulk, normalise, parse, route  # noqa: PLC0415 - instrumented by then
    from pipeline.core.errors import Rejected  # noqa: PLC0415 - the same

    try:
        event = parse.event(body)
        chosen = route.choose(event, routes)
        document = normalise.normalise(event, chosen, single_tenant=False, now=OCCURRED)
    except Rejected:
        return
    (request,) = bulk.requests([document], OCCURRED)
    action, source = map(orjson.loads, request.body.splitlines())
    if (action["create"]["_id"], source["id"]) != (document.id, document.id):
        raise AssertionError(f"the document is stored under another id: {body!r}")
    kept = orjson.loads(source["raw"]) if "raw" in source else source["detail"]
    if kept != event.detail:
        raise AssertionError(f"the document does not keep its event: {body!r}")


def main() -> int:
    """Fuzz for so many seconds."""
    sys.path.insert(0, str(INSTALLED))
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError as missing:
        print(f"SKIPPED: fuzzing bytes with atheris, which has no wheel for this Python ({missing}).")  # noqa: T201 - for whoever runs it
        return 0
    with atheris.instrument_imports(include=["pipeline.core"]):
        from pipeline.core import bulk, normalise, parse, sources  # noqa: F401, PLC0415 - the same
        from pipeline.wiring import shipped  # noqa: PLC0415 - instrumented
    routes = shipped.routes()

    def one_input(data: bytes) -> None:
        text = data.decode(errors="surrogateescape")  # what is no UTF-8 becomes lone surrogates
        through(text, routes)
        through(f"{HEAD}{text}}}", routes)
        through(f'{HEAD}{{"level":{text},"timings":{{"totalMs":{text}}},"summary":{text},{NEEDED}}}', routes)
        kinesis = {"data": b64encode(data).decode(), "sequenceNumber": "1", "approximateArrivalTimestamp": 1}
        row = {"eventSource": "aws:kinesis", "eventID": "shard:1", "kinesis": kinesis}
        (delivery,) = sources.deliveries({"Records": [row]})
        through(delivery.body, routes)

    seconds = sys.argv[1] if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory() as corpus:
        seeds(Path(corpus))
        limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], corpus, *limits, f"-artifact_prefix={corpus}/"], one_input)
        atheris.Fuzz()  # ends the process: 0, or 77 for what escaped, with the input in its message
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
