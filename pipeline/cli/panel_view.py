"""How the panel of ``livedex run`` looks: a function of its figures. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.cli import hit_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pipeline.cli.figures import Figures

WIDE = 120
"""Columns from which all four boxes stand side by side."""

FRAME = 11
"""Lines that are not hits, where the boxes stand side by side; each further row of boxes adds BOX."""

BOX = 7

INDEX = ("received", "stored", "already_there", "rejected", "retried")
BROADCAST = ("announced", "matched", "posted", "gone", "lagged")
"""Counts of the functions' lines, in the order of the flow."""

BAD = frozenset({"rejected", "lagged"})
"""Counts that are worth a look when they are not 0."""

BARS = " ▁▂▃▄▅▆▇█"

STATUSES = {"live": "green", "catching-up": "yellow", "connecting": "yellow"}


def view(figures: Figures, width: int, height: int) -> RenderableType:
    """The whole panel, filling so many columns and lines.

    Args:
        figures: What to show.
        width: Columns of the terminal; 80 is the least that everything fits into.
        height: Lines of the terminal.
    """
    boxes = [_index(figures), _broadcast(figures), _latency(figures), _queues(figures)]
    columns = 4 if width >= WIDE else 2
    grid = Table.grid(expand=True)
    for _ in range(columns):
        grid.add_column(ratio=1)
    for start in range(0, len(boxes), columns):
        grid.add_row(*boxes[start : start + columns])
    room = height - FRAME - BOX * (len(boxes) // columns - 1)
    return Group(
        _head(figures, width), grid, _hits(figures, max(1, room), with_type=width >= WIDE), *_foot(figures)
    )


def line(figures: Figures) -> str:
    """The panel as one line, for output that is no terminal."""
    totals, latency = figures.totals, figures.put_to_client
    waiting = sum(count for (_, kind), count in figures.depths.items() if kind != "dead")
    return (
        f"{_clock(figures)}  {figures.events_per_second:.1f} events/s  "
        f"{totals['stored']} stored  {totals['already_there']} already there  {totals['rejected']} rejected  "
        f"{totals['announced']} deltas  {totals['posted']} frames  "
        f"put → client {_ms(latency.p50)}/{_ms(latency.p99)} ms  {waiting} queued  {_dead(figures)} dead  "
        f"{figures.status}"
    )


def _head(figures: Figures, width: int) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    title = Text(" livedex ", "bold reverse")
    title.append(f"  {figures.events_per_second:.1f}", "bold").append(" events/s  ")
    title.append(f"{figures.frames_per_second:.1f}", "bold").append(" frames/s ")
    title.append(_bars(figures.beats()[-(width - 60) :]), "cyan")
    status = Text(f"● {figures.status}", STATUSES.get(figures.status, "red"))
    grid.add_row(title, status.append(f"  {_clock(figures)} ", "dim"))
    return grid


def _bars(beats: list[int]) -> str:
    top = max([*beats, 1])
    return "".join(BARS[-(-beat * (len(BARS) - 1) // top)] for beat in beats)


def _index(figures: Figures) -> Panel:
    return _counts("events → index", figures, INDEX)


def _broadcast(figures: Figures) -> Panel:
    return _counts("deltas → frames", figures, BROADCAST)


def _counts(title: str, figures: Figures, names: tuple[str, ...]) -> Panel:
    grid = _grid(2)
    for name in names:
        count = figures.totals[name]
        grid.add_row(
            name.replace("_", " "), Text(f"{count:,}", "bold red" if count and name in BAD else "bold")
        )
    return _box(title, grid)


def _latency(figures: Figures) -> Panel:
    grid = _grid(3)
    grid.add_row("", Text("p50", "dim"), Text("p99", "dim"))
    for name, of in (("put → client", figures.put_to_client), ("index → client", figures.index_to_client)):
        grid.add_row(name, Text(_ms(of.p50), "bold"), Text(_ms(of.p99), "bold"))
    return _box("latency, ms", grid)


def _queues(figures: Figures) -> Panel:
    grid = _grid(4)
    kinds = ("waiting", "in_flight", "dead")
    grid.add_row("", *(Text(word, "dim") for word in ("wait", "busy", "dead")))
    for hop in ("events", "deltas"):
        counts = [figures.depths.get((hop, kind)) for kind in kinds]
        styles = ["bold", "bold", "bold red" if counts[-1] else "bold"]
        shown = ["-" if count is None else f"{count:,}" for count in counts]
        grid.add_row(hop, *(Text(text, style) for text, style in zip(shown, styles, strict=True)))
    return _box("queues", grid)


def _hits(figures: Figures, room: int, *, with_type: bool) -> Panel:
    today = datetime.fromtimestamp(figures.now / 1_000, UTC).date().isoformat()
    lines = [hit_lines.line(hit, today, with_type=with_type) for hit in list(figures.hits)[:room]]
    if not lines:
        lines.append(Text("none yet", "dim"))
    lines += [Text()] * (room - len(lines))
    return Panel(Group(*lines), title="last hits", title_align="left", border_style="dim", box=box.ROUNDED)


def _foot(figures: Figures) -> list[RenderableType]:
    words = Text(" Ctrl-C ends", "dim", no_wrap=True, overflow="ellipsis")
    if figures.produced is not None:
        words.append(f"   {figures.produced:,} sample events put")
    for name, address in figures.addresses.items():
        words.append(f"   {name} {address}")
    if figures.remark:
        words.append(f"   {hit_lines.printable(figures.remark)}", "yellow")
    return [words]


def _grid(columns: int) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    for _ in range(columns - 1):
        grid.add_column(justify="right", no_wrap=True, min_width=5)
    return grid


def _box(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim", box=box.ROUNDED, height=BOX)


def _ms(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:,}"


def _dead(figures: Figures) -> int:
    return sum(count for (_, kind), count in figures.depths.items() if kind == "dead")


def _clock(figures: Figures) -> str:
    minutes, seconds = divmod((figures.now - figures.began) // 1_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
