"""Zip files that are the same bytes whenever their content is the same.

No time, owner or permission of the files on disk goes in, and entries come in the order of their
names. (Compressed by another zlib the same content may give other bytes.)
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from typing import TYPE_CHECKING

from pipeline.local import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold."""

READABLE = 0o100644 << 16
"""A plain file that everybody may read, as Lambda demands; a zip keeps the mode in its upper half.
https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-create-dependencies"""

UNIX = 3
"""The system that a zip entry says it was made on; it decides how the mode is read."""


def write(archive: Path, content: Mapping[str, Path], base: Path | None = None) -> None:
    """Write an archive whole or not at all.

    Args:
        archive: The file to write or replace.
        content: Where each entry's bytes lie, by its name in the archive.
        base: An archive made here before, whose entries go first, as they are.
    """
    with files.replacing(archive) as file:
        if base:
            shutil.copyfile(base, file)
        with zipfile.ZipFile(file, "a" if base else "w") as zipped:
            for entry in sorted(content):
                zipped.writestr(_info(entry), content[entry].read_bytes())


def fingerprint(archive: Path) -> str:
    """The SHA-256 of an archive, in hex."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def _info(entry: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(entry, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = READABLE
    info.create_system = UNIX
    return info
