"""Resolve the jars of OpenSearch with jgo and print the lock file that ``jars`` reads.

For whoever moves to another version: set it below, then::

    python -m pipeline.local.jars_lock > requirements/opensearch-jars.txt

Nothing else needs jgo, so only ``requirements/dev.txt`` has it.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from jgo.maven import MavenContext
from jgo.parse import Endpoint

VERSION = "3.4.0"

MODULES = (
    "transport-netty4-client",
    "analysis-common",
    "aggs-matrix-stats-client",
    "geo",
    "ingest-common",
    "lang-expression",
    "lang-mustache-client",
    "lang-painless",
    "opensearch-scripting-painless-spi",
    "mapper-extras-client",
    "parent-join-client",
    "percolator-client",
    "rank-eval-client",
    "reindex-client",
)
"""The modules of the distribution that are published as libraries; see ``opensearch_node.MODULES``."""

OPTIONAL = (
    "org.locationtech.jts:jts-core:1.15.0",
    "org.locationtech.spatial4j:spatial4j:0.7",
    "org.apache.logging.log4j:log4j-core:2.25.4",
)
"""What OpenSearch's own build calls optional and its distribution ships all the same."""


def main() -> None:
    """Print one line a jar: its coordinate and the SHA-256 of the file that Maven Central gives."""
    with tempfile.TemporaryDirectory() as folder:
        # A cache of its own: what another tool left half written in ~/.m2 must not get into the lock.
        context = MavenContext(repo_cache=Path(folder))
        coordinates = [
            f"org.opensearch:opensearch:{VERSION}",
            *(f"org.opensearch.plugin:{module}:{VERSION}" for module in MODULES),
            *OPTIONAL,
        ]
        wanted = [
            context.create_dependency(replace(coordinate, scope="compile"))
            for coordinate in Endpoint.parse("+".join(coordinates)).coordinates
        ]
        given, transitive = context.resolver.resolve(wanted)
        needed = [*given, *(each for each in transitive if each.scope in {"compile", "runtime"})]
        sys.stdout.write(f"# OpenSearch {VERSION}, made by: python -m pipeline.local.jars_lock\n")
        for artifact in sorted((each.artifact for each in needed), key=str):
            digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
            sys.stdout.write(f"{artifact.groupId}:{artifact.artifactId}:{artifact.version} {digest}\n")


if __name__ == "__main__":
    main()
