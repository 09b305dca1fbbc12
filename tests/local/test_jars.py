"""Fetching jars, from a Maven repository on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from pipeline.local import jars, ports
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENTS = {"org.one:first:1.0": b"first" * 1000, "org.two.deep:second:2.0.Final": b"second"}
PATHS = {
    "/maven2/org/one/first/1.0/first-1.0.jar": CONTENTS["org.one:first:1.0"],
    "/maven2/org/two/deep/second/2.0.Final/second-2.0.Final.jar": CONTENTS["org.two.deep:second:2.0.Final"],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """A repository that is the one to use, and how often it was asked for what."""
    asked: Counter[str] = Counter()

    class Repository(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[self.path] += 1
            content = PATHS.get(self.path)
            self.send_response(200 if content else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer((ports.HOST, 0), Repository) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("LIVEDEX_MAVEN_URL", f"http://{ports.HOST}:{server.server_port}/maven2/")
        yield asked
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lines = [f"{name} {hashlib.sha256(content).hexdigest()}\n" for name, content in CONTENTS.items()]
    path = tmp_path / "jars.txt"
    path.write_text("# what was locked\n\n" + "".join(lines))
    return path


def quiet(_: str) -> None:
    """Progress that nobody looks at."""


@pytest.mark.usefixtures("asked")
def test_every_jar_is_fetched_whole(lock: Path, tmp_path: Path) -> None:
    told: list[str] = []
    found = jars.fetch(lock, told.append, tmp_path / "cache")
    assert [path.read_bytes() for path in found] == list(CONTENTS.values())
    assert [path.name for path in found] == ["first-1.0.jar", "second-2.0.Final.jar"]
    assert told[-1] == "0 MB, 2 of 2 files"


def test_what_is_there_is_not_fetched_again(asked: Counter[str], lock: Path, tmp_path: Path) -> None:
    (tmp_path / "first-1.0.jar").write_bytes(CONTENTS["org.one:first:1.0"])
    jars.fetch(lock, quiet, tmp_path)
    jars.fetch(lock, quiet, tmp_path)
    assert list(asked) == ["/maven2/org/two/deep/second/2.0.Final/second-2.0.Final.jar"]
    assert asked.total() == 1


def test_two_that_come_at_once_fetch_each_jar_once(asked: Counter[str], lock: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: jars.fetch(lock, quiet, tmp_path / "cache"), range(4)))
    assert set(asked.values()) == {1}
    assert all(path.exists() for paths in found for path in paths)


@pytest.mark.usefixtures("asked")
def test_other_bytes_than_those_locked_never_get_their_name(lock: Path, tmp_path: Path) -> None:
    lock.write_text(f"org.one:first:1.0 {'0' * 64}\n")
    with pytest.raises(StackError, match=r"first-1\.0\.jar is not the file that was locked"):
        jars.fetch(lock, quiet, tmp_path / "cache")
    assert not (tmp_path / "cache" / "first-1.0.jar").exists()


@pytest.mark.usefixtures("asked")
def test_a_jar_that_the_repository_lacks_is_named(lock: Path, tmp_path: Path) -> None:
    lock.write_text(f"org.one:third:1.0 {'0' * 64}\n")
    with pytest.raises(StackError, match=r"third-1\.0\.jar answered 404 .*LIVEDEX_MAVEN_URL"):
        jars.fetch(lock, quiet, tmp_path / "cache")


def test_a_repository_out_of_reach_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, lock: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIVEDEX_MAVEN_URL", f"http://{ports.HOST}:{ports.free()}")
    with pytest.raises(
        StackError, match=r"Cannot reach 127\.0\.0\.1:\d+ .*refused.*HTTPS_PROXY.*OPENSEARCH_URL"
    ):
        jars.fetch(lock, quiet, tmp_path / "cache")


def test_a_repository_must_be_on_the_web(monkeypatch: pytest.MonkeyPatch, lock: Path, tmp_path: Path) -> None:
    monkeypatch.setenv("LIVEDEX_MAVEN_URL", "file:///somewhere")
    with pytest.raises(StackError, match="LIVEDEX_MAVEN_URL must begin with https:// or http://"):
        jars.fetch(lock, quiet, tmp_path / "cache")


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jars.cache() == tmp_path / "livedex" / "jars"
