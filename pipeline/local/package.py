"""Builds what Lambda runs: one zip a group of functions, small enough and the same every time.

A zip is a base, which holds other people's packages and is kept until their pins change, and the
project's own files on top of it, so that a second build takes less than a second. ``sam build``
would want the runtime's own Python, or Docker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.local import archive, bases, places
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.local.progress import Tell


@dataclass(frozen=True, slots=True)
class Group:
    """Functions that share a zip because they need the same packages.

    Attributes:
        name: The zip's name, and that of its ``requirements/lambda-NAME.txt``.
        handlers: Modules of ``pipeline.handlers``.
        services: What its functions call by boto3: other services' models stay out.
    """

    name: str
    handlers: tuple[str, ...]
    services: tuple[str, ...] = ()


GROUPS = (
    Group("index", ("index",), ("events", "sqs")),
    Group("broadcast", ("broadcast", "fanout"), ("dynamodb", "sqs")),
    Group("gate", ("authorize", "connect", "disconnect", "ticket", "clean"), ("dynamodb",)),
    Group("message", ("message",), ("dynamodb",)),
    Group("read", ("query",), ("dynamodb",)),
    Group("setup", ("setup", "retire")),
)

MAX_ZIP = 15_000_000
"""Bytes of a zip for AWS that we allow ourselves; Lambda takes 50 MB.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

NOT_SHIPPED = (
    "pipeline/local",
    "pipeline/cli",
    "pipeline/client",
    "pipeline/adapters/memory",
    "pipeline/stages",
    "pipeline/__main__",
)
"""What no function runs."""

SHIPPED = ("routes.toml", *shipped.TEMPLATES)
"""What travels beside the code."""


@dataclass(frozen=True, slots=True)
class Package:
    """A built zip."""

    group: str
    file: Path
    bytes: int
    fingerprint: str


def build(target: str, folder: Path, tell: Tell) -> list[Package]:
    """Build the zip of every group into a folder.

    Args:
        target: ``local`` or ``aws``: whose Python and machine the packages are for.
        folder: Where ``GROUP.zip`` are put.
        tell: Called with words on how far it is.

    Raises:
        StackError: The packages of a group could not be installed.
    """
    ready = bases.make(target, {group.name: group.services for group in GROUPS}, tell)
    return [_build(group, ready[group.name], folder) for group in GROUPS]


def _build(group: Group, base: Path, folder: Path) -> Package:
    zipped = folder / f"{group.name}.zip"
    archive.write(zipped, dict(_own_files(group)), base)
    return Package(group.name, zipped, zipped.stat().st_size, archive.fingerprint(zipped))


def _own_files(group: Group) -> Iterator[tuple[str, Path]]:
    others = {name for each in GROUPS if each is not group for name in each.handlers}
    left_out = (*NOT_SHIPPED, *(f"pipeline/handlers/{name}.py" for name in others))
    for path in (places.PROJECT / "pipeline").rglob("*.py"):
        name = path.relative_to(places.PROJECT).as_posix()
        if not name.startswith(left_out):
            yield name, path
    for each in SHIPPED:
        path = places.PROJECT / each
        for file in [path] if path.is_file() else path.glob("*.json"):
            yield file.relative_to(places.PROJECT).as_posix(), file
