from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import share
from pipeline.core.audience import Channel, in_part
from pipeline.core.errors import Rejected
from pipeline.core.pack import MAX_FRAME
from pipeline.core.share import MAX_BODY, Job, Piece

CHANNEL = Channel("acme", '{"service":["é漢😀\\""]}', "ab" * 16, "order")
STAMP = 1_795_000_000_500
FRAMES = st.lists(
    st.text('"\\a\x00é漢😀', max_size=30).map(lambda text: orjson.dumps({"hits": [text]})),
    min_size=1,
    max_size=5,
)


def jobs(frames: list[bytes], members: int, room: int, stamp: int = STAMP) -> list[Job]:
    shared = share.pieces(CHANNEL, frames, members=members, room=room)
    return share.jobs("acme", shared, stamp=stamp, ingested=[5, 9], room=room)


def only(job: Job) -> Piece:
    (piece,) = job.pieces
    return piece


# --- what is posted at once -------------------------------------------------------------------


def test_the_small_audiences_are_served_at_once_and_the_big_ones_are_not() -> None:
    assert share.fitting([500, 3, 90, 7], room=100) == {1, 2, 3}


def test_an_audience_that_needs_just_the_room_there_is_fits() -> None:
    assert share.fitting([60, 40], room=100) == {0, 1}
    assert share.fitting([60, 41], room=100) == {1}


def test_without_room_nobody_is_served_at_once_but_those_who_need_none() -> None:
    assert share.fitting([1, 0], room=0) == {1}
    assert share.fitting([], room=0) == set()


@given(st.lists(st.integers(0, 50)), st.integers(0, 200))
def test_what_fits_stays_within_the_room_and_nothing_that_is_left_would_fit_too(
    counts: list[int], room: int
) -> None:
    chosen = share.fitting(counts, room)
    spent = sum(counts[place] for place in chosen)
    assert spent <= room
    assert all(spent + counts[place] > room for place in range(len(counts)) if place not in chosen)


# --- jobs -------------------------------------------------------------------------------------


def test_a_job_has_no_more_posts_than_there_is_room_for() -> None:
    made = jobs([b"{}"] * 3, members=1_000, room=800)
    assert [only(job).part for job in made] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert {only(job).frames for job in made} == {(b"{}",) * 3}


def test_there_are_no_more_parts_than_members_however_little_room_there_is() -> None:
    assert [only(job).part for job in jobs([b"{}"], members=3, room=0)] == [(n, 4) for n in range(4)]
    assert [only(job).part for job in jobs([b"{}"], members=1, room=0)] == [(0, 1)]


@given(st.integers(1, 5_000), st.integers(1, 900), st.text(max_size=12))
def test_every_connection_is_in_one_part(members: int, room: int, connection_id: str) -> None:
    parts = [piece.part for job in jobs([b"{}"], members, room) for piece in job.pieces]
    count = parts[0][1]
    assert count & (count - 1) == 0
    assert sum(in_part(connection_id, part) for part in parts) == 1


def test_a_part_of_more_is_wholly_within_a_part_of_fewer() -> None:
    for name in map(str, range(200)):
        (of_four,) = [number for number in range(4) if in_part(name, (number, 4))]
        assert in_part(name, (of_four % 2, 2))


def test_frames_over_a_jobs_size_go_in_several_jobs_in_their_order() -> None:
    frame = orjson.dumps({"hits": ['"' * (MAX_FRAME // 2 - 20)]})
    made = jobs([frame] * 60, members=1, room=10**9)
    assert len(made) > 1
    assert all(len(job.body().encode()) <= MAX_BODY for job in made)
    assert len(made[0].body().encode()) > MAX_BODY - 8 * len(frame)
    assert [each for job in made for piece in job.pieces for each in piece.frames] == [frame] * 60


def test_small_channels_share_a_job_until_it_has_all_the_posts_it_should_have() -> None:
    shared = [each for _ in range(9) for each in share.pieces(CHANNEL, [b"{}"] * 2, members=5, room=40)]
    made = share.jobs("acme", shared, stamp=STAMP, ingested=[5], room=40)
    assert [len(job.pieces) for job in made] == [4, 4, 1]


@given(st.lists(st.tuples(FRAMES, st.integers(1, 30)), min_size=1, max_size=8), st.integers(0, 60))
def test_whatever_is_shared_is_in_one_job_and_no_job_has_more_than_it_should_but_a_single_piece(
    channels: list[tuple[list[bytes], int]], room: int
) -> None:
    shared = [
        piece
        for frames, members in channels
        for piece in share.pieces(CHANNEL, frames, members=members, room=room)
    ]
    made = share.jobs("acme", shared, stamp=STAMP, ingested=[5], room=room)
    assert [piece for job in made for piece in job.pieces] == [piece for piece, _ in shared]
    counts = iter([count for _, count in shared])
    for job in made:
        posts = sum(next(counts) for _ in job.pieces)
        assert posts <= room or len(job.pieces) == 1


@given(FRAMES, st.integers(1, 100), st.integers(1, 100))
def test_a_job_is_read_back_as_it_was_written_with_the_same_id(
    frames: list[bytes], members: int, room: int
) -> None:
    for job in jobs(frames, members, room):
        again = share.read(job.body())
        assert again == job
        assert again.id == job.id


def test_every_job_has_an_id_of_its_own_and_so_has_the_same_job_of_another_time() -> None:
    made = jobs([b"{}", b"[]"], members=100, room=10)
    later = jobs([b"{}", b"[]"], members=100, room=10, stamp=STAMP + 1)
    assert len({job.id for job in [*made, *later]}) == len(made) + len(later)


def body(**changes: Any) -> str:  # noqa: ANN401 - JSON values
    (job,) = jobs([b"{}"], members=1, room=1)
    return written({**orjson.loads(job.body()), **changes})


def piece(**changes: Any) -> str:  # noqa: ANN401 - JSON values
    (fields,) = orjson.loads(body())["pieces"]
    return body(pieces=[orjson.loads(written({**fields, **changes}))])


def written(fields: dict[str, Any]) -> str:
    return orjson.dumps({name: value for name, value in fields.items() if value != "-"}).decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no JSON", "cannot be read"),
        ("[]", "cannot be read"),
        ("null", "cannot be read"),
        (body(v=1), "version 1"),
        (body(pieces="-"), "lacks 'pieces'"),
        (body(pieces=[]), "has no pieces"),
        (piece(frames="-"), "lacks 'frames'"),
        (piece(frames=[1]), "cannot be read"),
        (piece(part=[1, 2, 3]), "cannot be read"),
        (body(stamp=None), "cannot be read"),
        (body(ingested=["x"]), "cannot be read"),
    ],
)
def test_what_is_no_job_is_rejected_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(Rejected, match=said) as rejected:
        share.read(text)
    assert rejected.value.reason == "malformed"
