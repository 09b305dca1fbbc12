"""The account notices what must not happen: without that, a soak proves nothing."""

from __future__ import annotations

import pytest

from tests.soak.account import NOTHING_WRONG, Account
from tests.soak.plan import Fate, Seat, Size, channels, happenings, seats

ANN = Seat("ann", "acme", "a")
BOB = Seat("bob", "globex", "a")
KIM = Seat("kim", "acme", "a", Fate.KILLED)


@pytest.fixture
def account() -> Account:
    """One event of Ann's and Kim's channel and one of Bob's; everybody was told."""
    account = Account([ANN, BOB, KIM])
    account.put("1", "acme", "a", 0.0)
    account.put("2", "globex", "a", 0.0)
    account.told(ANN, ["1"], 0.1, live=True)
    account.told(BOB, ["2"], 0.3, live=True)
    return account


def test_nothing_is_wrong_when_everybody_was_told_once(account: Account) -> None:
    figures = account.figures()

    assert figures.wrong() == NOTHING_WRONG
    assert (figures.clients, figures.events, figures.expected, figures.delivered) == (3, 2, 2, 2)
    assert figures.p50 == 200


def test_a_hit_that_somebody_was_not_told_is_missed_unless_that_client_was_killed(account: Account) -> None:
    account.put("3", "acme", "a", 1.0)

    assert account.lacking() == 1
    assert account.figures().wrong() == NOTHING_WRONG | {"missed": 1}


def test_a_hit_told_twice_is_a_duplicate_also_to_one_who_was_killed(account: Account) -> None:
    account.told(ANN, ["1"], 1.0, live=False)
    account.told(KIM, ["1", "1"], 1.0, live=True)

    assert account.figures().wrong() == NOTHING_WRONG | {"duplicates": 2}


def test_a_hit_of_another_tenant_another_topic_or_nobody_is_foreign(account: Account) -> None:
    account.put("4", "globex", "b", 1.0)
    account.told(BOB, ["4", "1", "from nowhere"], 1.0, live=True)

    assert account.figures().wrong() == NOTHING_WRONG | {"foreign": 3}


def test_a_gap_that_cannot_be_mended_is_told(account: Account) -> None:
    account.gap(mended=True)
    account.gap(mended=False)

    assert account.figures().gaps == 1
    assert account.figures().wrong() == NOTHING_WRONG | {"unmended": 1}


def test_the_crowd_sits_evenly_and_each_fate_is_met_by_as_many() -> None:
    size = Size(clients=500, channels=20, rate=20, seconds=60, unlucky=50)
    crowd = seats(size, "m")
    known = channels(size, "m")

    assert [sum((seat.tenant, seat.topic) == each for seat in crowd) for each in known] == [25] * 20
    assert [sum(seat.fate is fate for seat in crowd) for fate in Fate] == [350, 50, 50, 50]
    assert crowd == seats(size, "m")
    assert len({tenant for tenant, _ in known}) == 2
    assert {topic for tenant, topic in known if tenant == "acme"} == {
        topic for tenant, topic in known if tenant == "globex"
    }
    last = {(each.tenant, each.topic): each.at for each in happenings(size, "m")}
    assert last.keys() == set(known)
    assert all(0 < seat.at < seat.until < last[seat.tenant, seat.topic] for seat in crowd)
