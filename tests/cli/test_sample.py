from __future__ import annotations

from itertools import islice

from pipeline.cli import sample

START = 1_790_000_000_000


def facts(seed: int, count: int, start: int = START) -> list[dict[str, object]]:
    return list(islice(sample.envelopes(seed, start, spacing=200), count))


def test_the_same_seed_gives_the_same_facts() -> None:
    assert facts(7, 200) == facts(7, 200)


def test_another_seed_gives_other_facts() -> None:
    ids = {each["detail"]["eventId"] for seed in range(5) for each in facts(seed, 200)}
    assert len(ids) == 1_000


def test_only_the_times_follow_the_start() -> None:
    def timeless(envelope: dict[str, object]) -> dict[str, object]:
        return {**envelope, "detail": {**envelope["detail"], "occurredAt": ""}}

    later = facts(7, 50, START + 86_400_000)
    assert [timeless(each) for each in later] == [timeless(each) for each in facts(7, 50)]
    assert later[1]["detail"]["occurredAt"] == "2026-09-22T14:13:20.200Z"


def test_most_goes_well_and_some_of_everything_fails() -> None:
    many = facts(1, 5_000)
    well = [each for each in many if each["detail"]["status"] == "ok"]
    assert 0.90 < len(well) / len(many) < 0.99
    failures = {each["detail"]["status"] for each in many}
    assert failures == {"ok", "declined", "invalid", "out-of-stock", "denied", "timeout"}
    assert {each["source"] for each in many} == {"payments", "checkout", "inventory", "auth"}
    types = {each["detail-type"] for each in many}
    assert types == {name for each in sample.OPERATIONS for name in (each.done, each.failed)}


def test_durations_are_about_log_normal_around_the_operations_median() -> None:
    took = sorted(
        each["detail"]["timings"]["totalMs"]
        for each in facts(1, 5_000)
        if each["detail"]["operation"] == "charge-card" and each["detail"]["status"] != "timeout"
    )
    assert 160 < took[len(took) // 2] < 200
    assert took[-1] - 180 > 180 - took[0]


def test_most_events_are_of_the_first_tenant() -> None:
    tenants = [each["detail"]["tenant"] for each in facts(1, 1_000)]
    assert set(tenants) == {"acme", "globex"}
    assert tenants.count("acme") > 700


def test_a_timeout_took_as_long_as_the_services_wait_and_is_an_error() -> None:
    late = [each["detail"] for each in facts(1, 5_000) if each["detail"]["status"] == "timeout"]
    assert {each["timings"]["totalMs"] for each in late} == {sample.TIMEOUT}
    assert {each["level"] for each in late} == {"error"}
