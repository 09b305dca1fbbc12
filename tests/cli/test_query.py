"""``livedex query`` against a service: what it asks, what it prints, and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import query, typed
from pipeline.client.polling import PAGE
from pipeline.core import instant
from pipeline.local.errors import Mistyped
from tests.cli.service import Service, environment, livedex, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_790_000_000_000
HOUR = 3_600_000


def hit(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    stamp = {"timestamp": "2026-09-21T14:13:20.123Z", "eventType": "PaymentFailed", "source": "payments"}
    return {"id": name, "message": f"{name} ✖", "attributes": {"service": "payments"}, **stamp, **more}


def page(*hits: dict[str, Any], more: bool = False, cursor: str = "L2") -> tuple[int, dict[str, Any]]:
    return 200, {"hits": list(hits), "cursor": cursor, "more": more}


def refused(status: int, code: str, text: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": code, "text": text}}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(query, "PAUSES", (0.0,))
    with serving() as running:
        yield running


def asking(capsys: pytest.CaptureFixture[str], service: Service, *words: str) -> Any:  # noqa: ANN401
    return livedex(capsys, "query", "--url", service.http, "--token", "t0k3n", *words)


# --- pages ------------------------------------------------------------------------------------


def test_all_pages_are_read_and_printed_in_their_order(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.pages = [
        page(hit("a"), hit("b"), more=True, cursor="P1"),
        page(more=True, cursor="P2"),
        page(hit("c")),
    ]
    before = int(time.time() * 1_000)

    ended = asking(capsys, service, '{"service":["payments"]}', "--since", "2h", "--json")

    assert ended.code == 0
    assert ended.lines == [hit("a"), hit("b"), hit("c")]
    first, *rest = service.asked
    assert json.loads(first["filter"]) == {"service": ["payments"]}
    assert before <= int(first["since"]) + 2 * HOUR <= time.time() * 1_000
    assert [(each["cursor"], each.get("since"), each["limit"]) for each in rest] == [
        ("P1", None, str(PAGE)),
        ("P2", None, str(PAGE)),
    ]


def test_without_a_time_it_is_the_newest_screenful(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # by which much else would colour a pipe
    service.pages = [page(hit("a"))]
    ended = asking(capsys, service)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.rstrip() == (
        "2026-09-21 14:13:20.123 ○ payments  PaymentFailed          a ✖"  # no colours: no terminal
    )
    assert service.asked == [{"filter": "{}", "limit": "50"}]


def test_what_was_stored_before_the_time_asked_for_is_left_out(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.pages = [
        page(hit("before", ingested=NOW - 1), hit("then", ingested=NOW), more=True, cursor="P1"),
        page(hit("late", ingested=NOW - 9), hit("after", ingested=NOW + 9)),
    ]
    ended = asking(capsys, service, "--since", instant.iso(NOW), "--json")
    assert [each["id"] for each in ended.lines] == ["then", "after"]
    assert service.asked[0]["since"] == str(NOW)


def test_a_limit_stops_it_and_tells_where_to_go_on(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.pages = [page(hit("a"), hit("b"), more=True, cursor="P1"), page(hit("c"), more=True, cursor="P2")]
    ended = asking(capsys, service, "--since", "2h", "--limit", "3", "--json")
    assert [each["id"] for each in ended.lines] == ["a", "b", "c"]
    assert [each["limit"] for each in service.asked] == ["3", "1"]
    assert ended.err == "-- there is more: go on with --cursor P2\n"

    service.pages, service.asked = [page(hit("d"))], []
    assert [each["id"] for each in asking(capsys, service, "--cursor", "P2", "--json").lines] == ["d"]
    assert service.asked == [{"filter": "{}", "cursor": "P2", "limit": str(PAGE)}]


def test_a_gap_is_told_on_stderr(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    status, body = page(hit("a"))
    service.pages = [(status, {**body, "gap": {"from": 0, "to": NOW, "reason": "expired"}})]
    ended = asking(capsys, service, "--since", "30d", "--json")
    assert ended.lines == [hit("a")]
    assert ended.err == (
        f"-- gap: hits between 1970-01-01T00:00:00.000Z and {instant.iso(NOW)} may be missing (expired)\n"
    )


def test_whoever_closes_the_pipe_ends_it_without_a_word(service: Service) -> None:
    service.pages = [page(*(hit(f"{number}-{'x' * 200}") for number in range(PAGE)), more=True, cursor="P")]
    program = "import sys; from pipeline.cli import main; main()"
    words = ["query", "--url", service.http, "--token", "t", "--since", "1h"]  # there is always more
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline().startswith("2026-09-21")
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


# --- who asks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "headers"),
    [
        (["--token", " t0k3n\n"], ("Bearer t0k3n", None)),
        (["--key", "livedex_k"], (None, "livedex_k")),
        (["--token", "t", "--key", "livedex_k"], (None, "livedex_k")),
    ],
)
def test_a_token_or_a_key_is_shown(
    service: Service,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    headers: tuple[str | None, str | None],
) -> None:
    assert livedex(capsys, "query", "--url", service.http, *words).code == 0
    assert service.shown == [headers]


def test_a_refused_token_is_one_line_with_the_way_out(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.pages = [refused(401, "unauthorized", "The token has expired.")]
    ended = asking(capsys, service)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "livedex: The token has expired. Show another token with --token, or an API key with --key.\n"
    )


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{"], r"The filter is not JSON \(.*\); for example: '\{\"service\": \[\"payments\"\]\}'"),
        (["[]"], "The filter is no JSON object; for example"),
        (["--since", "2 hours"], r"--since 2 hours is neither a duration \(90s, 15m, 2h, 7d\) nor a time \("),
        (["--since", "2999-01-01T00:00Z"], "lies in the future: now it is 2"),
        (["--since", "2h", "--cursor", "L1"], "--since and --cursor both say where to begin: leave one out"),
        (["--limit", "2001"], "--limit is at most 2000 where nothing says since when: add --since"),
    ],
)
def test_what_was_mistyped_is_one_line_with_the_way_out(
    service: Service, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    ended = asking(capsys, service, *words)
    assert (ended.code, ended.out, service.asked) == (2, "", [])
    assert re.match(f"livedex: .*{told}", ended.err)
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("bad-filter", 'No event has the attribute "colour"; a filter may name family, service.'),
        ("bad-cursor", "The cursor belongs to another filter or is none of ours: leave it out."),
    ],
)
def test_what_the_service_finds_mistyped_is_said_in_its_own_words(
    service: Service, capsys: pytest.CaptureFixture[str], code: str, text: str
) -> None:
    service.pages = [refused(400, code, text)]
    ended = asking(capsys, service, "--cursor", "L1")
    assert (ended.code, ended.err) == (2, f"livedex: {text}\n")


def test_a_service_that_cannot_answer_is_one_line_that_says_where_to_go_on(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.pages = [page(hit("a"), more=True, cursor="P1"), refused(503, "unavailable", "No index answers.")]
    ended = asking(capsys, service, "--since", "2h", "--json")
    assert (ended.code, ended.lines) == (1, [hit("a")])
    assert ended.err == "livedex: No index answers: try again later; go on with --cursor P1.\n"
    assert len(service.asked) == 3  # it was tried twice


def test_a_page_that_is_answered_at_last_is_read_once(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.pages = [refused(429, "too-many-requests", "Slower."), page(hit("a"))]
    ended = asking(capsys, service, "--json")
    assert (ended.code, ended.lines, ended.err) == (0, [hit("a")], "")


def test_an_address_where_nobody_is_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(query, "PAUSES", ())
    with serving() as gone:
        address = gone.http
    ended = livedex(capsys, "query", "--url", address, "--token", "t")
    assert ended.code == 1
    assert ended.err == (
        f"livedex: {address}/v1/hits cannot be reached (NewConnectionError): try again later.\n"
    )


@pytest.mark.parametrize("command", ["query", "tail"])
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 1, "The local stack does not run in this folder: start it with `livedex up`."),
        (["--url", "https://x"], 2, "Beside --url say who asks: --token TOKEN, or --key KEY."),
        (["--url", "x", "--key", "k"], 2, "--url x is no address: it begins with https:// or http://."),
        (["--key", "clé"], 2, "--key has characters that no header can carry: copy it again."),
    ],
)
def test_without_a_service_or_a_name_to_show_the_way_out_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    words: list[str],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = livedex(capsys, command, *words)
    assert (ended.code, ended.err) == (code, f"livedex: {told}\n")


# --- durations and times ----------------------------------------------------------------------


@given(st.integers(0, 999_999), st.sampled_from("smhd"))
def test_a_duration_is_so_long_ago_and_never_before_the_epoch(number: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[unit] * number
    assert typed.since(f"{number}{unit}", NOW) == max(0, NOW - seconds * 1_000)


@given(st.integers(0, NOW))
def test_a_time_is_that_time(moment: int) -> None:
    assert typed.since(instant.iso(moment), NOW) == moment


def test_a_time_without_an_offset_is_utc_and_with_one_it_counts() -> None:
    assert typed.since("1970-01-01T02:00", NOW) == 2 * HOUR
    assert typed.since("1970-01-01T02:00+01:00", NOW) == HOUR


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "2H", "1h30m", "2026-11-22", "now", "1790000000", "²h"]
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(Mistyped, match="neither a duration"):
        typed.since(text, NOW)
