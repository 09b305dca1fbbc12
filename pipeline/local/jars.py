"""The jars of a runnable OpenSearch, from Maven Central, once for all projects of a user.

``requirements/opensearch-jars.txt`` names each jar with its SHA-256, as ``jars_lock`` resolved
them, so nothing is resolved here: the files are fetched side by side, which takes seconds.
Standard library only, so that the download can begin before our own environment is there.
"""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from pipeline.local import environments, files
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.local.progress import Tell

AT_ONCE = 8
"""Downloads side by side: enough that the round trips of 93 small files overlap."""

ATTEMPTS = 3
"""Tries for one jar before its repository counts as out of reach."""

TIMEOUT = 30
"""Seconds without a byte before a try has failed."""


@dataclass(frozen=True)
class Jar:
    """One artifact of Maven Central.

    Attributes:
        coordinate: ``group:artifact:version``.
        sha256: 64 lower-case hex characters.
    """

    coordinate: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name in the repository."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def path(self) -> str:
        """The path below the repository's root.

        Source: https://maven.apache.org/repositories/layout.html
        """
        group, artifact, version = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.name}"


def read(lock: Path) -> list[Jar]:
    """The jars that a lock file names: ``group:artifact:version sha256`` a line, ``#`` for remarks."""
    lines = (line.strip() for line in lock.read_text(encoding="utf-8").splitlines())
    return [Jar(*line.split()) for line in lines if line and not line.startswith("#")]


def cache() -> Path:
    """Where the jars lie: ``livedex/jars`` in the user's cache folder.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livedex" / "jars"


def complete(lock: Path) -> bool:
    """Whether every jar of a lock file lies in the cache."""
    return not _missing(read(lock), cache())


def fetch(lock: Path, tell: Tell, folder: Path | None = None) -> list[Path]:
    """Make sure that every jar of a lock file is in the folder, and give their paths.

    A jar appears under its name only whole and with the right hash. Whoever comes while
    another stack is fetching waits for it instead of fetching the same again; what an
    interrupted run has fetched is kept.

    Args:
        lock: The lock file.
        tell: Called with words on how far it is, from several threads.
        folder: Where the jars lie; ``cache()`` when left out.

    Raises:
        StackError: The repository is out of reach or gave other bytes than the lock file names.
    """
    folder = folder or cache()
    jars = read(lock)
    if _missing(jars, folder):
        folder.mkdir(parents=True, exist_ok=True)
        with files.locked(folder / ".lock", lambda: tell("another stack is fetching them")):
            _fetch_missing(_missing(jars, folder), folder, tell)
    return [folder / jar.name for jar in jars]


def _missing(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    return [jar for jar in jars if not (folder / jar.name).exists()]


def _fetch_missing(jars: Sequence[Jar], folder: Path, tell: Tell) -> None:
    repository = (os.environ.get("LIVEDEX_MAVEN_URL") or environments.maven_central(tell)).rstrip("/")
    fetched = 0
    counting = threading.Lock()

    def fetch_one(jar: Jar) -> None:
        nonlocal fetched
        size = _fetch_one(jar, repository, folder)
        with counting:
            fetched += size
            left = len(_missing(jars, folder))
            tell(f"{fetched / 1e6:.0f} MB, {len(jars) - left} of {len(jars)} files")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        try:
            list(threads.map(fetch_one, jars))
        except StackError:
            threads.shutdown(cancel_futures=True)
            raise


def _fetch_one(jar: Jar, repository: str, folder: Path) -> int:
    content = _download(f"{repository}/{jar.path}")
    if hashlib.sha256(content).hexdigest() != jar.sha256:
        raise StackError(
            f"{repository}/{jar.path} is not the file that was locked (SHA-256 differs): "
            "try again, or set LIVEDEX_MAVEN_URL to a Maven repository you trust."
        )
    files.write(folder / jar.name, content)
    return len(content)


def _download(url: str) -> bytes:
    if urlsplit(url).scheme not in {"https", "http"}:
        raise StackError(f"LIVEDEX_MAVEN_URL must begin with https:// or http://: {url} cannot be fetched.")
    error: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            with urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the scheme was checked above
                content: bytes = answer.read()
                return content
        except HTTPError as refusal:
            raise StackError(
                f"{url} answered {refusal.code} {refusal.reason}: try again later, "
                "or set LIVEDEX_MAVEN_URL to a mirror."
            ) from refusal
        except (URLError, OSError, HTTPException) as trouble:
            error = trouble
    reason = getattr(error, "reason", None) or error
    raise StackError(
        f"Cannot reach {urlsplit(url).netloc} for the jars of OpenSearch ({reason}): check the network or "
        "HTTPS_PROXY, set LIVEDEX_MAVEN_URL to a mirror, or use a cluster of yours with OPENSEARCH_URL."
    )
