"""Stage: the fields that a family's indices have, and those that its template now gives -> findings.

A template counts for new indices only. What an older index lacks, it lacks until it is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.core.bodies import Layout
    from pipeline.core.model import JsonObject, Route


def attributes(
    family: str, routes: Iterable[Route], laid: Layout, indices: Mapping[str, Mapping[str, JsonObject]]
) -> Iterator[Finding]:
    """Name attributes that are mapped otherwise, or not at all, in indices that exist already.

    Args:
        family: Whose indices they are.
        routes: The family's.
        laid: What its new indices get.
        indices: The mapped fields of each existing index.
    """
    for name in sorted({name for route in routes for name, _ in route.attributes}):
        wanted = _type(laid.fields, name)
        other = {index: _type(fields, name) for index, fields in indices.items()}
        differing = sorted(index for index, type_ in other.items() if type_ != wanted)
        if wanted and differing:
            types = ", ".join(sorted({other[index] or "no field" for index in differing}))
            text = (
                f"attribute {name} becomes {wanted}, but has {types} in {named(differing)}: there a range or "
                "a sort by it misses documents until those indices are deleted; exact filters find them."
            )
            yield Finding(f"family {family}", text)


def named(indices: Sequence[str]) -> str:
    """Indices for people: one by its name, several by how many and the first and the last."""
    if len(indices) == 1:
        return indices[0]
    return f"{len(indices)} indices ({indices[0]} … {indices[-1]})"


def _type(fields: Mapping[str, JsonObject], name: str) -> str:
    field = fields.get(name)
    return "" if field is None else str(field.get("type", "object"))
