"""A hit as one line for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKS = {
    "debug": ("·", "dim"),
    "info": ("●", "green"),
    "warning": ("▲", "yellow"),
    "warn": ("▲", "yellow"),
    "error": ("✖", "red"),
    "critical": ("✖", "bold red"),
    "fatal": ("✖", "bold red"),
}
"""Severity to its mark and colour."""

UNKNOWN_MARK = ("○", "dim")

SHOWN = 4
"""Attributes a line shows beside service and severity."""

SERVICE_WIDTH = 9
TYPE_WIDTH = 22


def line(hit: Mapping[str, Any], today: str, *, with_type: bool = True) -> Text:
    """``10:00:00.123 ✖ payments PaymentFailed charge-card declined … region=eu-west-1``.

    The time is the fact's own, UTC, with its date unless that is today.

    Args:
        hit: As the server sent it.
        today: ``2026-11-22``, UTC.
        with_type: Whether there is room for the event's type beside its message.
    """
    attributes = hit.get("attributes") or {}
    mark, style = MARKS.get(str(attributes.get("severity", "")).lower(), UNKNOWN_MARK)
    service = attributes.get("service") or hit.get("source")
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(_time(str(hit.get("timestamp") or ""), today), "dim").append(" ")
    text.append(mark, style).append(" ")
    text.append(f"{printable(service):{SERVICE_WIDTH}} ", "cyan")
    if with_type:
        text.append(f"{printable(hit.get('eventType')):{TYPE_WIDTH}} ", "bold" if "red" in style else "")
    text.append(printable(hit.get("message") or "")).append("  ")
    rest = [(key, value) for key, value in attributes.items() if key not in ("service", "severity")]
    text.append(" ".join(f"{printable(key)}={printable(value)}" for key, value in rest[:SHOWN]), "dim")
    text.rstrip()
    return text


def printable(value: object) -> str:
    """The value as text that cannot move a terminal's cursor, change its colours or break the line.

    Events come from anywhere; what they carry is shown, never obeyed.
    """
    return "".join(each if each.isprintable() else "�" for each in str(value))


def _time(timestamp: str, today: str) -> str:
    moment = printable(timestamp).removesuffix("Z").replace("T", " ")
    return moment.removeprefix(f"{today} ")
