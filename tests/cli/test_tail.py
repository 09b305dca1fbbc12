"""Lines for people, lines for programs, and what stderr says."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import clients, hit_lines, tail
from pipeline.cli.endpoints import Target
from pipeline.cli.printing import Printer
from pipeline.client import Gap, Notice, Status, StatusChange, Subscription
from pipeline.local.errors import Mistyped
from tests.cli.service import Service, environment, livedex, serving
from tests.running import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.client import News
    from tests.client.conftest import Peer

LIMIT = 60
"""Seconds after which a process that shows nothing, or does not end, has failed."""

HIT: dict[str, Any] = {
    "id": "a",
    "source": "payments",
    "eventType": "PaymentFailed",
    "timestamp": "2026-09-21T14:13:20.123Z",
    "ingested": 1_790_000_000_200,
    "message": "charge-card declined for order o-1",
    "attributes": {"service": "payments", "severity": "error", "region": "eu-west-1", "latencyMs": 184.2},
}


def line(hit: dict[str, Any] = HIT, today: str = "2026-09-21") -> str:
    return hit_lines.line(hit, today).plain


def test_a_line_has_time_mark_service_type_message_and_attributes() -> None:
    assert line() == (
        "14:13:20.123 ✖ payments  PaymentFailed          charge-card declined for order o-1"
        "  region=eu-west-1 latencyMs=184.2"
    )


def test_a_fact_of_another_day_has_its_date() -> None:
    assert line(today="2026-09-22").startswith("2026-09-21 14:13:20.123 ✖ ")


def test_a_hit_without_attributes_or_message_is_shown_by_its_source() -> None:
    bare = {"id": "a", "source": "lab", "eventType": "X", "timestamp": "2026-09-21T14:13:20.123Z"}
    assert line({**bare, "message": None, "attributes": {}}).split() == ["14:13:20.123", "○", "lab", "X"]


def test_only_a_few_attributes_are_shown() -> None:
    many = {**HIT, "attributes": {f"a{number}": number for number in range(9)}}
    assert line(many).endswith("a0=0 a1=1 a2=2 a3=3")


@given(st.text(), st.text(), st.text())
def test_nothing_in_an_event_can_break_the_line_or_steer_the_terminal(
    message: str, kind: str, value: str
) -> None:
    hit = {**HIT, "message": message, "eventType": kind, "attributes": {"service": value, value: value}}
    assert line(hit).isprintable()


def test_an_escape_sequence_is_shown_and_not_obeyed() -> None:
    assert "\x1b" not in line({**HIT, "message": "\x1b[2J\x1b]0;title\x07\r\nnext"})


@pytest.mark.parametrize(
    ("news", "words"),
    [
        (StatusChange(Status.LIVE), "live"),
        (StatusChange(Status.OFFLINE, "nobody there"), "offline: nobody there"),
        (Notice("bye", "expired"), "bye: expired"),
        (
            Gap(Subscription({}), mended=False, reason="late", start=0, end=1_000),
            "gap: hits between 1970-01-01T00:00:00.000Z and 1970-01-01T00:00:01.000Z may be missing (late)",
        ),
        (
            Gap(Subscription({}), mended=False, reason="unknown-cursor"),
            "gap: hits between the cursor and now may be missing (unknown-cursor)",
        ),
        (
            Gap(Subscription({}), mended=False, reason="sampled", since="L1", kept=2, of=9),
            "gap: 2 of 9 hits came, the newest (sampled); all of them: --cursor L1",
        ),
        (
            Gap(Subscription({}), mended=True, reason="lagged"),
            "some hits did not reach us in time; fetching them",
        ),
    ],
)
def test_what_a_client_tells_beside_hits_is_a_line(news: News, words: str) -> None:
    assert tail.remark(news) == words


def test_on_aws_a_token_must_be_given() -> None:
    with pytest.raises(Mistyped, match="--token"):
        clients.bearer_of(Target.AWS, None, "acme")
    assert clients.bearer_of(Target.AWS, "given", "acme")() == "given"


# --- against a service ------------------------------------------------------------------------


class Tailing:
    """``livedex tail --json`` in a process of its own, which Ctrl-C ends."""

    def __init__(self, service: Service, folder: Path, *words: str) -> None:
        asked = ["tail", "--json", "--url", service.http, "--key", "livedex_k", *words]
        self._told = (folder / "told").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *asked],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=self._told,
            text=True,
        )
        self._watchdog = threading.Timer(LIMIT, self._process.kill)
        self._watchdog.start()

    def hit(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        return str(json.loads(line)["id"]) if line else self.end()

    def hang_up(self) -> None:
        """Read no more of its output."""
        assert self._process.stdout
        self._process.stdout.close()

    def end(self, by: int | None = signal.SIGINT) -> str:
        """End it, unless it does by itself; what it told on stderr."""
        if by is not None:
            self._process.send_signal(by)
        assert self._process.stdout
        try:
            self.code = self._process.wait(LIMIT)
        finally:
            self._watchdog.cancel()
            self._process.kill()
            self._process.stdout.close()
        self._told.seek(0)
        told = self._told.read()
        self._told.close()
        return told


async def two_hits(peer: Peer) -> None:
    """A live subscription whose cursor is ``L3`` in the end."""
    await peer.welcome(cursor="L1")
    await peer.hits("a", channel="c", cursor="L2")
    await peer.hits("b", channel="c", cursor="L3")
    await peer.stay()


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_prints_the_cursor_that_covers_all_that_was_shown(tmp_path: Path, ended_by: int) -> None:
    with serving(two_hits) as service:
        tailing = Tailing(service, tmp_path)
        assert [tailing.hit(), tailing.hit()] == ["a", "b"]
        told = tailing.end(ended_by)
    assert tailing.code == 0
    assert told.splitlines()[-1] == "-- go on with --cursor L3"
    assert service.shown == [(None, "livedex_k")]


def test_what_was_typed_is_what_the_service_is_asked(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    async def peer(peer: Peer) -> None:
        asked.append(await peer.welcome(cursor="L1"))
        await peer.hits("a", channel="c", cursor="L2")
        await peer.stay()

    filter_ = '{"service": ["payments"]}'
    for words in (
        [filter_, "--since", "2026-09-21T14:13:20Z", "--conflate", "orderId"],
        ["--filter", filter_, "--cursor", "L0"],
        [filter_, "--snapshot", "3"],
        [filter_],
    ):
        with serving(peer) as service:
            tailing = Tailing(service, tmp_path, *words)
            tailing.hit()
            tailing.end()
    wanted = {"filter": {"service": ["payments"]}, "type": "subscribe", "id": "1"}
    assert asked == [
        {**wanted, "since": 1_790_000_000_000, "conflate": "orderId"},
        {**wanted, "cursor": "L0"},
        {**wanted, "snapshot": 3},
        {**wanted, "snapshot": 10},
    ]


def test_a_cursor_file_brings_the_next_process_on_without_showing_anything_twice(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    async def again(peer: Peer) -> None:
        asked.append(await peer.expect("subscribe"))
        await peer.say("subscribed", id="1", channel="c")
        await peer.hits("a", "b", "missed", id="1", channel="c", cursor="P1")  # the last half minute, again
        await peer.say("live", id="1", channel="c", cursor="L4")
        await peer.stay()

    words = ("--since", "1h", "--cursor-file", "place")
    with serving(two_hits) as service:
        first = Tailing(service, tmp_path, *words)
        assert [first.hit(), first.hit()] == ["a", "b"]
        told = first.end()
    assert told.splitlines()[-1] == "-- go on with --cursor-file place (--cursor L3)"
    with serving(again) as service:
        second = Tailing(service, tmp_path, *words)
        assert second.hit() == "missed"
        second.end()
    assert asked[0]["cursor"] == "L3"
    assert "since" not in asked[0]
    assert json.loads((tmp_path / "place").read_text())["seen"] == ["a", "b", "missed"]


def test_where_no_socket_opens_it_goes_on_over_http_with_the_same_beginning_and_cursor(
    tmp_path: Path,
) -> None:
    with serving() as service:
        service.pages = [
            (200, {"hits": [{"id": "a"}], "cursor": "P1", "more": True}),
            (200, {"hits": [{"id": "a"}, {"id": "b"}], "cursor": "L2", "more": False}),
            (200, {"hits": [{"id": "b"}], "cursor": "L3", "more": False}),
        ]
        tailing = Tailing(service, tmp_path, "--since", "2026-09-21T14:13:20Z", "--conflate", "orderId")
        assert [tailing.hit(), tailing.hit()] == ["a", "b"]
        told = tailing.end()
    assert "-- live" in told.splitlines()
    assert told.splitlines()[-1].startswith("-- go on with --cursor L")
    first, second, *_ = service.asked
    assert (first["since"], first["conflate"]) == ("1790000000000", "orderId")
    assert (second["cursor"], second.get("since"), second["conflate"]) == ("P1", None, "orderId")


def test_whoever_closes_the_pipe_ends_it_and_the_cursor_file_stays_behind_what_was_shown(
    tmp_path: Path,
) -> None:
    read = threading.Event()

    async def talkative(peer: Peer) -> None:
        await peer.welcome(cursor="L1")
        await peer.hits("read", channel="c", cursor="L2")
        await asyncio.to_thread(read.wait, 30)
        await peer.hits("unread", channel="c", cursor="L3")
        await peer.stay()

    with serving(talkative) as service:
        tailing = Tailing(service, tmp_path, "--cursor-file", "place")
        assert tailing.hit() == "read"
        tailing.hang_up()
        read.set()
        told = tailing.end(by=None)
    assert tailing.code == 0
    assert told.splitlines() == ["-- connecting", "-- catching-up", "-- live"]
    assert not (tmp_path / "place").exists()


@pytest.mark.parametrize(
    ("code", "exit_code", "told"),
    [
        ("bad-filter", 2, "livedex: The service says why."),
        ("bad-conflate", 2, "livedex: The service says why."),
        ("too-long", 1, "livedex: too-long: The service says why."),
    ],
)
def test_what_the_service_refuses_is_one_line(
    capsys: pytest.CaptureFixture[str], code: str, exit_code: int, told: str
) -> None:
    async def refusing(peer: Peer) -> None:
        await peer.expect("subscribe")
        await peer.say("error", id="1", code=code, text="The service says why.")
        await peer.stay()

    with serving(refusing) as service:
        ended = livedex(capsys, "tail", "--url", service.http, "--token", "t")
    assert (ended.code, ended.out) == (exit_code, "")
    assert ended.err.splitlines()[-1] == told


def test_a_refused_token_is_told_with_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as service:
        service.tickets = [(401, {"error": {"code": "unauthorized", "text": "The token has expired."}})]
        ended = livedex(capsys, "tail", "--url", service.http, "--token", "t")
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == (
        "livedex: The token has expired. Show another token with --token, or an API key with --key."
    )


def test_a_cursor_of_another_filter_ends_it_before_anything_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def unknown(peer: Peer) -> None:
        await peer.expect("subscribe")
        await peer.say("subscribed", id="1", channel="c")
        await peer.say("gap", id="1", channel="c", to=1, reason="unknown-cursor", **{"from": None})
        await peer.hits("a", id="1", channel="c", cursor="S1")
        await peer.say("bye", reason="revoked")

    with serving(unknown) as service:
        ended = livedex(capsys, "tail", "--url", service.http, "--token", "t", "--cursor", "L0")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1] == (
        "livedex: The cursor belongs to another filter, tenant or --conflate, or is none of ours: "
        "leave it out, or give the filter that it came with."
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{"], "The filter is not JSON ("),
        (["{}", "--filter", "{}"], "The filter is there twice: leave --filter out."),
        (["--since", "soon"], "--since soon is neither a duration (90s, 15m, 2h, 7d) nor a time ("),
        (["--since", "1h", "--snapshot", "3"], "--since and --snapshot both say where to begin"),
        (["--cursor", "L1", "--cursor-file", "f"], "--cursor and --cursor-file both say where to go on"),
        (
            ["--cursor-file", "no/such/folder/f"],
            "--cursor-file no/such/folder/f cannot be kept: no/such/folder",
        ),
        (["--cursor-file", "."], "--cursor-file . cannot be read: Is a directory."),
        (["--cursor-file", "notes.txt"], "--cursor-file notes.txt was not written by `livedex tail`"),
        (["--cursor-file", "list.json"], "--cursor-file list.json was not written by `livedex tail`"),
    ],
)
def test_what_was_mistyped_is_one_line_with_the_way_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("to do")
    (tmp_path / "list.json").write_text('["cursor"]')
    ended = livedex(capsys, "tail", "--url", "http://127.0.0.1:9", "--token", "t", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"livedex: {told}")
    assert ended.err.count("\n") == 1


def test_programs_get_each_hit_whole_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    hit = {**HIT, "message": "two\nlines ✖"}
    Printer(as_json=True).hits([hit])
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == hit
