"""One refresh serves all who asked before it began, and nobody who asked later."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pipeline.adapters.memory_store import DocumentStore
from pipeline.core.errors import Unavailable
from pipeline.refreshing import Refresher
from tests.running import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 10
"""Seconds after which a test that waits for something has failed."""


class Slow(DocumentStore):
    """A store whose refreshes end when they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.fails = False
        self._begun = threading.Semaphore(0)
        self._may = threading.Semaphore(0)

    def refresh(self, indices: str) -> None:
        self.begun.append(indices)
        self._begun.release()
        assert self._may.acquire(timeout=LIMIT)
        if self.fails:
            raise Unavailable("opensearch", "not every shard")

    def wait_for_one(self) -> None:
        assert self._begun.acquire(timeout=LIMIT)

    def let(self) -> None:
        self._may.release()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as pool:
        yield pool


def test_all_who_asked_before_a_refresh_began_share_it(threads: ThreadPoolExecutor) -> None:
    store, refresher = Slow(), Refresher()
    first = threads.submit(refresher.refresh, store, "metrics-*")
    store.wait_for_one()
    others = [threads.submit(refresher.refresh, store, "metrics-*") for _ in range(10)]
    assert wait_for(lambda: refresher.waiting("metrics-*"), lambda waiting: waiting == 10, LIMIT) == 10

    store.let()
    first.result(LIMIT)
    store.wait_for_one()
    assert not any(other.done() for other in others)  # the first one may have passed a shard by then
    store.let()
    for other in others:
        other.result(LIMIT)

    assert store.begun == ["metrics-*"] * 2


def test_who_asks_when_it_has_ended_begins_another(threads: ThreadPoolExecutor) -> None:
    store, refresher = Slow(), Refresher()
    for _ in range(3):
        asked = threads.submit(refresher.refresh, store, "metrics-*")
        store.let()
        asked.result(LIMIT)

    assert len(store.begun) == 3


def test_other_indices_have_a_refresh_of_their_own(threads: ThreadPoolExecutor) -> None:
    store, refresher = Slow(), Refresher()
    asked = [threads.submit(refresher.refresh, store, name) for name in ("metrics-*", "orders-*")]
    store.wait_for_one()
    store.wait_for_one()
    store.let()
    store.let()
    for each in asked:
        each.result(LIMIT)

    assert sorted(store.begun) == ["metrics-*", "orders-*"]


def test_a_refresh_that_fails_has_failed_for_all_who_share_it_and_the_next_is_tried(
    threads: ThreadPoolExecutor,
) -> None:
    store, refresher = Slow(), Refresher()
    first = threads.submit(refresher.refresh, store, "metrics-*")
    store.wait_for_one()
    others = [threads.submit(refresher.refresh, store, "metrics-*") for _ in range(3)]
    assert wait_for(lambda: refresher.waiting("metrics-*"), lambda waiting: waiting == 3, LIMIT) == 3
    store.let()
    first.result(LIMIT)
    store.wait_for_one()
    store.fails = True
    store.let()

    for other in others:
        with pytest.raises(Unavailable, match="not every shard"):
            other.result(LIMIT)
    store.fails = False
    again = threads.submit(refresher.refresh, store, "metrics-*")
    store.let()
    again.result(LIMIT)
    assert len(store.begun) == 3
