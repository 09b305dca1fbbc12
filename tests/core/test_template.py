from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import template
from tests import strategies as some

DETAIL: dict[str, Any] = {
    "operation": "refund",
    "timings": {"totalMs": 184.5, "tries": 3},
    "lines": [{"sku": "A"}],
    "tags": ["a", 1, None],
    "ok": False,
    "nothing": None,
}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{operation} took {timings.totalMs} ms", "refund took 184.5 ms"),
        ("{operation}{operation}", "refundrefund"),
        ("{lines.0.sku}: {timings.tries}, {ok}", "A: 3, false"),
        ("{tags}", "a, 1, ?"),
        ("{lines}", '[{"sku":"A"}]'),
        ("{timings}", '{"totalMs":184.5,"tries":3}'),
        ("{{{operation}}} {{}}", "{refund} {}"),
    ],
)
def test_a_template_becomes_a_line_with_the_events_own_values(text: str, line: str) -> None:
    assert template.fill(text, DETAIL) == line


def test_a_value_that_is_missing_or_null_leaves_a_line_that_can_be_read() -> None:
    assert template.fill("{operation} of {amount} by {nothing}", DETAIL) == "refund of ? by ?"


def test_an_endless_list_is_shown_in_part_and_a_text_whole() -> None:
    line = template.fill("{many} {text}", {"many": ["x" * 50] * 50, "text": "y" * 500})
    assert len(line) < template.LONGEST_LIST + 10 + 500
    assert line.endswith("… " + "y" * 500)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "'{}' holds no path: write one, such as {timings.totalMs}"),
        ("{a..b}", "'{a..b}' holds no path"),
        ("{a", "a lone '{': write {path}, or the brace twice for the brace itself"),
        ("a}", "a lone '}'"),
        ("{{{a}}", "a lone '}'"),
        ("{a{b}}", "a lone '{'"),
    ],
)
def test_a_brace_that_nobody_can_read_is_refused_with_the_way_out(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"brace|path") as refusal:
        template.parts(text)
    assert told in str(refusal.value)


def test_only_a_text_with_braces_is_a_template() -> None:
    assert [template.is_template(text) for text in ("a.b", "{a}", "a}")] == [False, True, True]


@given(st.lists(st.tuples(some.texts, some.words), max_size=3), some.texts, some.json_objects)
def test_whatever_an_event_holds_a_line_is_made_and_the_plain_text_stands_in_it(
    pieces: list[tuple[str, str]], end: str, detail: dict[str, Any]
) -> None:
    def doubled(plain: str) -> str:
        return plain.replace("{", "{{").replace("}", "}}")

    text = "".join(f"{doubled(plain)}{{{path}}}" for plain, path in pieces) + doubled(end)
    line = template.fill(text, detail)
    rest = line
    for plain, _ in pieces:
        assert plain in rest
        rest = rest[rest.index(plain) + len(plain) :]
    assert line.endswith(end)
    assert template.parts(text)[::2] == (*(plain for plain, _ in pieces), end)
