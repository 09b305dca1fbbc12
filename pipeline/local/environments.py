"""Virtual environments made from hashed requirement files: our own and those of the tools.

uv installs, in a tenth of pip's time. pip gets uv itself, and steps in where uv fails: it may know
an index or a certificate from its own configuration. Standard library only: the first of all
environments is made by a bare Python.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.local import files, places
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.local.progress import Tell

SHOWN = 8
"""Lines of a failed command's output that are worth showing."""

UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|Connect(ion)?TimeoutError|ReadTimeoutError|ProxyError"
)
"""What pip writes when it cannot reach the package index."""

INSTALLER = places.TOOLS / "installer"
"""The environment of uv and of the pip that got it."""

PINNED = ("--require-hashes", "--no-deps", "--requirement")
"""Our requirement files name every package that is needed, so nothing is left to resolve."""


@dataclass(frozen=True)
class Environment:
    """One virtual environment.

    Attributes:
        folder: Where it lies.
        requirements: Its hashed requirement files, the one to install first. It is ready when it was
            made from any of them: ``dev.txt`` has all of ``run.txt``.
        editable: A project that is installed into it as it lies there; such an environment gets a pip
            of its own, as people expect.
        scratch: Where its lock and its log lie.
    """

    folder: Path
    requirements: tuple[Path, ...]
    editable: Path | None = None
    scratch: Path = places.TOOLS

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def ready(self) -> bool:
        """Whether it was made whole, from a requirement file as it is now, for the Python that runs us."""
        return self._fits() and self._stamped() in {_digest(each) for each in self.requirements}

    def make(self, tell: Tell) -> None:
        """Make sure that it is ready; whoever comes at the same time waits.

        Raises:
            StackError: It cannot be made; its log is named.
        """
        name = self.folder.name.lstrip(".")
        with files.locked(self.scratch / f"{name}.lock", lambda: tell("another command is installing it")):
            if not self.ready:
                self._make(self.scratch / f"{name}.log", tell)
            tell("ready")

    def _make(self, log: Path, tell: Tell) -> None:
        log.unlink(missing_ok=True)
        requirements = self.requirements[0]
        if not self._stamped() or not self._fits():
            tell("making the virtual environment")
            clear = [] if self._fits() else ["--clear"]
            pip = [] if self.editable else ["--without-pip"]
            run([sys.executable, "-m", "venv", *clear, *pip, self.folder], log)
        self._stamp.unlink(missing_ok=True)
        make_installer(tell)
        tell(f"installing {requirements.name}")
        _install(self.python, [*PINNED, requirements], log)
        if self.editable:
            tell("installing the livedex command")
            _install(self.python, ["--no-deps", "--editable", self.editable], log)
        files.write(self._stamp, _digest(requirements).encode())
        log.unlink(missing_ok=True)

    def _fits(self) -> bool:
        """Whether it is there, and of the Python version that runs us.

        Source: https://docs.python.org/3/library/venv.html (``pyvenv.cfg``)
        """
        try:
            about = (self.folder / "pyvenv.cfg").read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        version = rf"^version(_info)? *= *{sys.version_info.major}\.{sys.version_info.minor}\b"
        return self.python.exists() and bool(re.search(version, about, re.MULTILINE))

    @property
    def _stamp(self) -> Path:
        return self.folder / ".livedex-requirements"

    def _stamped(self) -> str:
        """The digest of the requirement file from which it was made whole; empty when it never was."""
        try:
            return self._stamp.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""


def project(*requirements: str) -> Environment:
    """Our own environment ``.venv``, from the first of these, unless another of them is installed."""
    wanted = tuple(places.REQUIREMENTS / f"{name}.txt" for name in requirements)
    return Environment(places.PROJECT / ".venv", wanted, editable=places.PROJECT)


def tool(name: str) -> Environment:
    """The environment ``.tools/NAME``, from ``requirements/NAME.txt``."""
    return Environment(places.TOOLS / name, (places.REQUIREMENTS / f"{name}.txt",))


MINISTACK = tool("ministack")
SAM = tool("sam")


def make_installer(tell: Tell) -> None:
    """Make sure that there is something that installs; whoever comes at the same time waits.

    Raises:
        StackError: Not even pip could be had, or it could not reach the package index.
    """
    wanted = places.REQUIREMENTS / "uv.txt"
    made = INSTALLER / "uv.txt"
    if _same(made, wanted):
        return
    tell("getting the installer")
    with files.locked(INSTALLER.with_name("installer.lock")):
        if not _same(made, wanted):
            log = INSTALLER.with_name("installer.log")
            log.unlink(missing_ok=True)
            run([sys.executable, "-m", "venv", "--clear", INSTALLER], log)
            run([*_pip(), "install", "--quiet", "--no-compile", *PINNED, wanted], log)
            log.unlink()
            files.write(made, wanted.read_bytes())


def maven_central(tell: Tell) -> str:
    """The address of Maven Central, which jgo knows.

    Raises:
        StackError: The installer, jgo with it, could not be had.
    """
    make_installer(tell)
    asked = "from jgo.constants import MAVEN_CENTRAL_URL; print(MAVEN_CENTRAL_URL)"
    command: list[str | Path] = [INSTALLER / "bin" / "python", "-c", asked]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise StackError(
            f"{INSTALLER} is broken: remove it, and try again. It says: {answer.stderr.strip()[-200:]}"
        )
    return answer.stdout.strip()


def _same(one: Path, other: Path) -> bool:
    return one.exists() and one.read_bytes() == other.read_bytes()


def run(command: Sequence[str | Path], log: Path) -> None:
    """Run a command to its end, its output appended to a log.

    Raises:
        StackError: It failed; the text has the way out and the last lines of its output.
    """
    if _succeeds(command, log):
        return
    text = log.read_text(encoding="utf-8", errors="replace")
    if UNREACHABLE.search(text):
        raise StackError(
            "Cannot reach the Python package index: check the network, HTTPS_PROXY or PIP_INDEX_URL, "
            f"then try again. What pip said is in {log}."
        )
    last = "\n".join(f"    {line}" for line in text.splitlines()[-SHOWN:])
    raise StackError(
        f"`{' '.join(map(str, command[:4]))} …` failed; its log is {log}, the end of it:\n{last}"
    )


def _install(python: Path, what: Sequence[str | Path], log: Path) -> None:
    # Neither compiles ahead: most modules are never imported, those that are get compiled then.
    if not _succeeds([INSTALLER / "bin" / "uv", "pip", "install", "--quiet", "--python", python, *what], log):
        run([*_pip(), "--python", python, "install", "--quiet", "--no-compile", *what], log)


def _pip() -> list[str | Path]:
    return [INSTALLER / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input"]


def _succeeds(command: Sequence[str | Path], log: Path) -> bool:
    """Whether a command ends well; its output goes to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environ = dict(os.environ)
    if "PIP_INDEX_URL" in environ:
        environ.setdefault("UV_DEFAULT_INDEX", environ["PIP_INDEX_URL"])
    with log.open("ab") as output:
        ended = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return ended.returncode == 0


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()
