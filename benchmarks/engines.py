"""The local stack that is measured: the current folder's if it runs, else one for this run alone."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.local import stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Make a running stack's folder the current one; what was started for it is ended.

    Returns:
        The URL of OpenSearch.

    Raises:
        StackError: The engines do not start.
    """
    here = stack.status(Path.cwd()).endpoints
    if here.opensearch and here.aws:
        yield here.opensearch
        return
    with tempfile.TemporaryDirectory(prefix="livedex-bench-") as name:
        folder = Path(name)
        try:
            started = stack.up(folder, opensearch_url=os.environ.get("OPENSEARCH_URL"))
            assert started.opensearch, "up() gives an address or raises"
            with contextlib.chdir(folder):
                yield started.opensearch
        finally:
            stack.down(folder)
