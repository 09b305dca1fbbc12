"""The browser client in the worlds of ``tests/simulation``, in which everything fails."""

from __future__ import annotations

import pytest

from tests.simulation import playing

WORLDS = 50


@pytest.mark.usefixtures("installed")
def test_the_browser_client_misses_nothing_and_shows_nothing_twice() -> None:
    played = list(playing.verdicts(range(WORLDS), client="web"))
    wrong = [str(verdict) for verdict in played if not verdict.good]

    assert not wrong, "\n".join(wrong)
    assert sum(verdict.shown for verdict in played) > 2_000
