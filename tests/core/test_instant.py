from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import instant

MOMENT = 1_795_341_600_123
"""2026-11-22T10:00:00.123Z"""


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00.123Z",
        "2026-11-22T10:00:00.123456Z",
        "2026-11-22T10:00:00.123999999Z",
        "2026-11-22T10:00:00.123",
        "2026-11-22 10:00:00.123",
        "2026-11-22T11:30:00.123+01:30",
        "2026-11-22T05:00:00.123-05:00",
        "20261122T100000.123Z",
        "2026-11-22t10:00:00.123z",
    ],
)
def test_one_moment_has_many_texts(text: str) -> None:
    assert instant.read(text) == MOMENT


@pytest.mark.parametrize(
    "number",
    [
        MOMENT / 1_000,
        MOMENT,
        MOMENT + 0.9,
        MOMENT * 1_000 + 999,
        MOMENT * 1_000_000 + 999_999,
    ],
)
def test_a_numbers_magnitude_tells_its_unit(number: float) -> None:
    assert instant.read(number) == MOMENT


def test_whole_seconds_are_read() -> None:
    assert instant.read(1_795_341_600) == 1_795_341_600_000
    assert instant.read(0) == 0
    assert instant.read(-1) == -1_000


@given(st.integers(0, 4_102_444_800_000))
def test_seconds_with_a_fraction_keep_their_millisecond(moment: int) -> None:
    assert instant.read(moment / 1_000) == moment


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2026-11-22",
        "20261122",
        "yesterday at ten",
        "2026-11-22T10:00:61Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22T24:00:01Z",
        "9999-12-31T24:00:00Z",
        "1795341600123",
        "2026-13-01T00:00:00Z",
    ],
)
def test_a_text_without_date_and_time_is_refused_with_the_way_out(value: str) -> None:
    with pytest.raises(ValueError, match="is no time: send"):
        instant.read(value)


@given(st.integers(instant.read("0001-01-01T00:00:00Z"), instant.read("9999-12-31T23:59:59.999Z")))
def test_every_moment_that_is_written_is_read_back(moment: int) -> None:
    assert instant.read(instant.iso(moment)) == moment


@pytest.mark.parametrize(
    "text", ["2026-11-22T10:00+01.123Z", "20261122T100000.123.456Z", "2026W477T1000+01:00.123Z"]
)
def test_a_good_beginning_before_milliseconds_does_not_make_a_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: send"):
        instant.read(text)


def test_milliseconds_after_a_second_60_or_an_hour_24_are_read_as_without_them() -> None:
    assert instant.iso(instant.read("2016-12-31T23:59:60.123Z")) == "2016-12-31T23:59:59.999Z"
    assert instant.iso(instant.read("2016-12-31T24:00:00.000Z")) == "2017-01-01T00:00:00.000Z"


@pytest.mark.parametrize("value", [None, True, [], {}, b"2026-11-22T10:00:00Z"])
def test_what_is_neither_text_nor_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="send ISO 8601 text or a number"):
        instant.read(value)


@pytest.mark.parametrize("value", [1e300, -(2**80), "0001-01-01T00:00:00+14:00", -70_000_000_000])
def test_years_that_no_text_can_show_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        instant.read(value)


def test_an_endless_value_is_shown_in_part() -> None:
    with pytest.raises(ValueError, match="…") as refusal:
        instant.read("x" * 1_000_000)
    assert len(str(refusal.value)) < 200


def test_moments_are_written_with_milliseconds_and_days_as_index_names_end() -> None:
    assert instant.iso(MOMENT) == "2026-11-22T10:00:00.123Z"
    assert instant.iso(MOMENT - 123) == "2026-11-22T10:00:00.000Z"
    assert instant.iso(-1) == "1969-12-31T23:59:59.999Z"
    assert instant.day(MOMENT) == "2026.11.22"
    assert instant.day(-1) == "1969.12.31"


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:60.25+00:00",
        "2016-12-31T23:59:60",
        "2017-01-01T05:29:60+05:30",
        "20161231T235960Z",
    ],
)
def test_a_leap_second_is_the_last_millisecond_of_the_minute_that_it_names(text: str) -> None:
    assert instant.iso(instant.read(text)) == "2016-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    "text", ["2026-11-21T24:00:00.000Z", "2026-11-21T24:00Z", "20261121T240000", "2026-11-22T01:00:00+01:00"]
)
def test_the_end_of_a_day_is_the_begin_of_the_next(text: str) -> None:
    assert instant.iso(instant.read(text)) == "2026-11-22T00:00:00.000Z"


def test_the_day_changes_at_midnight_utc_and_not_before() -> None:
    assert instant.day(instant.read("2026-11-22T23:59:59.999999Z")) == "2026.11.22"
    assert instant.day(instant.read("2026-11-23T00:59:59+01:00")) == "2026.11.22"
    assert instant.day(instant.read("2026-11-23T00:00:00Z")) == "2026.11.23"


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_whatever_can_be_read_can_be_written_and_read_again(moment: object) -> None:
    try:
        read = instant.read(str(moment))
    except ValueError:  # a zone whose offset has seconds, or a year beyond the last one
        return
    assert instant.read(instant.iso(read)) == read
    assert instant.iso(read)[:10].replace("-", ".") == instant.day(read)
