"""Other people's packages, as one archive for each group of functions.

For the local target they are taken from the environment that runs this, where pip has checked their
hashes already; for AWS pip gets the wheels of Lambda's Python and machine. Left out is what no
running function reads: two thirds of the bytes. Put in for the local target is the compiled form of
each module: a function's first start on the emulator takes 0.9 s of CPU with it and 2.2 s without, and
there are many. Lambda's Python is another than ours, so for AWS it cannot be made here.
"""

from __future__ import annotations

import hashlib
import py_compile
import re
import sys
import sysconfig
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.local import archive, environments, files, places
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import PurePath

    from pipeline.local.progress import Tell

AWS_WHEELS = (
    "--only-binary=:all:",
    "--platform=manylinux2014_aarch64",
    "--platform=manylinux_2_28_aarch64",
    "--implementation=cp",
    "--python-version=3.13",
)
"""The wheels of Lambda's python3.13 on ARM64 (Amazon Linux 2023, glibc 2.34), which are published
under either name. https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"""

LEFT_OUT = frozenset({"grpcio", "opensearch-protobufs", "protobuf"})
"""19 MB that opensearch-py asks for and imports only where one speaks gRPC."""

KEPT = places.TOOLS / "packages"

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def make(target: str, groups: Mapping[str, tuple[str, ...]], tell: Tell) -> dict[str, Path]:
    """The archive of each group, made again only when something about it has changed.

    Args:
        target: ``local`` or ``aws``.
        groups: The AWS services whose botocore models a group needs, by the group's name.
        tell: Called with words on how far it is.

    Raises:
        StackError: The packages cannot be installed, or are not what the pins say.
    """
    wanted = {name: _archive(name, target, services) for name, services in groups.items()}
    with files.locked(KEPT / "lock", lambda: tell("another run is packaging")):
        missing = [name for name, base in wanted.items() if not base.exists()]
        if missing:
            KEPT.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=KEPT, prefix=".") as scratch:
                found = _installed(target, missing, Path(scratch), tell)
                for name in missing:
                    content = dict(_content(_pins(_requirements(name)), found, groups[name]))
                    if target == "local":
                        content |= dict(_compiled(content, Path(scratch)))
                    archive.write(wanted[name], content)
                    _forget_others(wanted[name])
    return wanted


def _archive(group: str, target: str, services: tuple[str, ...]) -> Path:
    made_by = AWS_WHEELS if target == "aws" else (sys.version, sysconfig.get_platform())
    ours = [Path(file).read_text(encoding="utf-8") for file in (__file__, archive.__file__)]
    everything = "\n".join((_requirements(group).read_text(encoding="utf-8"), *made_by, *services, *ours))
    return KEPT / f"{group}-{target}-{hashlib.sha256(everything.encode()).hexdigest()[:16]}.zip"


def _forget_others(base: Path) -> None:
    group_and_target = base.stem.rpartition("-")[0]
    for old in set(base.parent.glob(f"{group_and_target}-*.zip")) - {base}:
        old.unlink()


# --- what is installed ------------------------------------------------------------------------


def _requirements(group: str) -> Path:
    return places.REQUIREMENTS / f"lambda-{group}.txt"


def _pins(requirements: Path) -> dict[str, str]:
    """The version of each package, by its normalised name."""
    found = PIN.findall(requirements.read_text(encoding="utf-8"))
    return {name: version for name, version in found if name not in LEFT_OUT}


def _installed(target: str, groups: Iterable[str], scratch: Path, tell: Tell) -> dict[str, Distribution]:
    """The installed packages by name: those of this environment, or what pip gets for Lambda."""
    if target == "local":
        tell("taking packages from this environment")
        return _named(sys.path)
    tell("installing packages for Lambda")
    _pip_install(groups, scratch)
    return _named([f"{scratch}/installed"])


def _named(path: list[str]) -> dict[str, Distribution]:
    # The first of a name wins, as in an import.
    found = reversed(list(distributions(path=path)))
    return {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each for each in found}


def _pip_install(groups: Iterable[str], scratch: Path) -> None:
    requirements, log = scratch / "requirements.txt", KEPT / "pip.log"
    requirements.write_text("".join(_blocks(groups).values()), encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet")
    exactly = ("--require-hashes", "--no-deps", "--no-compile")
    into = (f"--target={scratch / 'installed'}", f"--requirement={requirements}")
    environments.run([*pip, *exactly, *AWS_WHEELS, *into], log)
    log.unlink()


def _blocks(groups: Iterable[str]) -> dict[str, str]:
    """Each pinned package once, its line with the hashes that follow it, by name."""
    found = {}
    for group in groups:
        for block in re.split(
            r"^(?=\S)", _requirements(group).read_text(encoding="utf-8"), flags=re.MULTILINE
        ):
            pin = PIN.match(block)
            if pin and pin[1] not in LEFT_OUT:
                found[pin[1]] = block
    return found


# --- what is kept of it -----------------------------------------------------------------------


def _content(
    pins: Mapping[str, str], found: Mapping[str, Distribution], services: tuple[str, ...]
) -> Iterator[tuple[str, Path]]:
    for name, version in pins.items():
        package = found.get(name)
        if not package or package.version != version:
            raise StackError(
                f"{name} {version} is wanted and {package.version if package else 'nothing'} is installed: "
                "run `make setup`, and start livedex from the project's own .venv."
            )
        for file in package.files or ():
            if _needed(file, services):
                yield file.as_posix(), Path(str(package.locate_file(file)))


def _compiled(content: Mapping[str, Path], scratch: Path) -> Iterator[tuple[str, Path]]:
    """The compiled form of each module, which Python takes as it is, whatever the source's time.

    https://docs.python.org/3/library/py_compile.html#py_compile.PycInvalidationMode
    """
    for name, source in content.items():
        folder, _, file = name.rpartition("/")
        if file.endswith(".py"):
            entry = (
                f"{folder}/__pycache__/{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc".lstrip(
                    "/"
                )
            )
            compiled = scratch / entry
            if not compiled.exists():
                mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                py_compile.compile(str(source), str(compiled), name, doraise=True, invalidation_mode=mode)
            yield entry, compiled


def _needed(file: PurePath, services: tuple[str, ...]) -> bool:
    """Whether a file of a package is read by a running function, or is the package's licence."""
    top, *rest = file.parts
    if top in {"..", "bin"}:
        return False
    if file.suffix in {".pyc", ".pyi", ".pyx", ".pxd"} or "tests" in rest:
        return False
    if top.endswith(".dist-info"):
        return rest[0] in {"METADATA", "licenses"} or rest[0].startswith(("LICENSE", "NOTICE"))
    if (top, *rest[:1]) == ("botocore", "data"):
        return len(rest) == 2 or rest[1] in services  # noqa: PLR2004 - data/FILE, beside data/SERVICE/…
    return (top, *rest[:1]) not in {("boto3", "data"), ("boto3", "examples")}
