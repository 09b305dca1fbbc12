"""Builds the live page from ``web/``, once for each state of its sources.

Node is needed for this and for nothing else; who has none goes without the page.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.local import environments, files, places
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.local.progress import Tell

WEB = places.PROJECT / "web"

BUILT = places.PROJECT / "build" / "page"
"""Holds one folder, named by the digest of what it was built from."""

SOURCES = (
    "package.json",
    "package-lock.json",
    "tsconfig.base.json",
    "client/package.json",
    "client/src",
    "page/package.json",
    "page/tsconfig.json",
    "page/vite.config.ts",
    "page/index.html",
    "page/public",
    "page/src",
)
"""What the built page depends on, below ``web/``."""

NODES = ((20, 19), (22, 12))
"""The oldest Node of the series 20, and of all later ones, that Vite 8 runs on.
https://vite.dev/guide/#scaffolding-your-first-vite-project"""

VERSION = re.compile(r"v(\d+)\.(\d+)\.")

PATIENCE = 20
"""Seconds to wait for ``node --version`` on a busy machine."""


class NoPage(StackError):  # noqa: N818 - a state of affairs: all else goes on
    """The page cannot be had; the text says how to get it."""


def build(tell: Tell = lambda _: None) -> Path:
    """Build the page, or find it built already.

    Args:
        tell: Called with words on how far it is.

    Returns:
        The folder with ``index.html``.

    Raises:
        NoPage: Node is missing or too old, or the build failed.
    """
    wanted = BUILT / digest()
    if (wanted / "index.html").is_file():
        return wanted
    node, npm = _tools()
    with files.locked(places.TOOLS / "page.lock", lambda: tell("another command is building it")):
        if not (wanted / "index.html").is_file():
            log = places.TOOLS / "page.log"
            log.unlink(missing_ok=True)
            try:
                _install(npm, log, tell)
                _build(node, wanted, log, tell)
            except StackError as trouble:
                raise NoPage(f"the page could not be built: {trouble}") from trouble
    return wanted


def digest() -> str:
    """Name the state of the sources: equal sources, equal name."""
    found = hashlib.sha256()
    for file in _sources():
        found.update(f"{file.relative_to(WEB).as_posix()}\0".encode())
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for name in SOURCES:
        path = WEB / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file())


def _tools() -> tuple[str, str]:
    """Node and npm, new enough.

    Raises:
        NoPage: They are not.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    way_out = "install Node 22 or later (https://nodejs.org, or your system's packages) and run this again"
    if not node or not npm:
        raise NoPage(f"{'npm' if node else 'Node'} is not installed; to get it, {way_out}.")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    found = VERSION.match(said.stdout)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    oldest = NODES[0] if version[0] == NODES[0][0] else NODES[1]
    if version < oldest:
        raise NoPage(f"Node {said.stdout.strip() or '?'} is too old for it; {way_out}.")
    return node, npm


def _install(npm: str, log: Path, tell: Tell) -> None:
    """Install what the lock file names, unless npm did so after it was last changed."""
    lock, done = WEB / "package-lock.json", WEB / "node_modules" / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    tell("installing its packages")
    command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    environments.run([*_gently(), npm, "--prefix", WEB, *command], log)


def _build(node: str, wanted: Path, log: Path, tell: Tell) -> None:
    """Build beside, then put in place: nobody sees half a page."""
    tell("building")
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT, prefix=".") as scratch:
        made = Path(scratch) / "page"
        vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
        command: list[str | Path] = [*_gently(), node, vite, "build", WEB / "page"]
        environments.run([*command, "--outDir", made, "--emptyOutDir", "--logLevel", "warn"], log)
        for before in BUILT.iterdir():
            if before != Path(scratch):
                shutil.rmtree(before, ignore_errors=True)
        made.replace(wanted)


def _gently() -> list[str]:
    """Leave the processor to the engines, which start at the same time."""
    nice = shutil.which("nice")
    return [nice, "-n", "10"] if nice and os.name == "posix" else []
