"""``filter``: try a filter on events, hold cases against their filters, and explain one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from pipeline.cli import filter_rule, filter_trial, inputs, lines
from pipeline.cli.output import JsonOption
from pipeline.cli.routes import FileArgument, RoutesOption
from pipeline.core import channels, differences, match, pattern, query, route
from pipeline.core.errors import Refused, Rejected
from pipeline.local.errors import StackError
from pipeline.wiring import shipped

commands = typer.Typer()
filters = typer.Typer(help="Try a filter on events, or explain it.", no_args_is_help=True)
commands.add_typer(filters, name="filter")

AnyKeyOption = Annotated[
    bool, typer.Option("--any-key", help="Keys are paths into the event itself, and no attributes of routes.")
]


@filters.command(name="test")
def attempt(
    filter_: Annotated[str, typer.Argument(metavar="[FILTER]", help="The filter, as JSON.")] = "",
    file: FileArgument = "-",
    cases: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='A JSON list of {"name", "filter", "event", "match"}.'),
    ] = None,
    routes_file: RoutesOption = shipped.ROOT / "routes.toml",
    *,
    any_key: AnyKeyOption = False,
) -> None:
    """Say of each event whether the filter takes it, and why not; or of each case whether it is right.

    Exit code 1 where an event cannot be read, or a case is wrong.
    """
    known = None if any_key else inputs.routes(routes_file)
    if cases is not None:
        if filter_:
            raise StackError("with --cases each case brings its own filter: leave FILTER out.")
        _hold(cases, known)
        return
    if not filter_:
        raise StackError('name a filter, such as \'{"service":["payments"]}\', or a file with --cases.')
    asked = _read(filter_, known)
    unread = False
    for line in lines.read(inputs.events(file)):
        said, fault = _judge(asked, line, known)
        typer.echo(f"{line.place}: {said}")
        unread |= fault
    if unread:
        raise typer.Exit(1)


@filters.command(name="explain")
def explain(
    filter_: Annotated[str, typer.Argument(metavar="FILTER", help="The filter, as JSON.")],
    tenant: Annotated[str, typer.Option(metavar="NAME", help="Whose channel it is.")] = "default",
    routes_file: RoutesOption = shipped.ROOT / "routes.toml",
    *,
    any_key: AnyKeyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show a filter's canonical form, its channel, and what OpenSearch and EventBridge are asked for it."""
    known = inputs.routes(routes_file)
    asked = _read(filter_, None if any_key else known)
    channel = channels.of(tenant, json.loads(filter_), None)
    ranged = shipped.ranged_attributes(known)
    search = query.search(
        asked,
        tenant=tenant,
        ranged=ranged,
        ingested_from=None,
        ingested_to=None,
        after=None,
        size=100,
        newest=True,
    )
    rule = filter_rule.rule(asked, tenant)
    explained = {
        "filter": json.loads(channel.filter),
        "channel": {"tenant": tenant, "id": channel.id},
        "opensearch": {
            "indices": query.indices(asked, known.families),
            "body": search,
            "notes": [*dict.fromkeys(filter_rule.search_notes(asked, ranged))],
        },
        "eventbridge": {"pattern": rule, "notes": [*filter_rule.rule_notes(asked, rule)]},
        "differences": [
            {"key": key, "name": each.name, "text": each.text} for key, each in differences.found(asked)
        ],
    }
    typer.echo(json.dumps(explained) if as_json else "\n".join(_shown(explained, channel.filter)))


def _shown(explained: dict[str, Any], canonical: str) -> list[str]:
    channel, searched, rule = explained["channel"], explained["opensearch"], explained["eventbridge"]
    return [
        f"filter       {canonical}",
        f"channel      {channel['id']} of tenant {channel['tenant']}",
        "",
        f"opensearch   POST /{searched['indices']}/_search",
        _indented(searched["body"]["query"]),
        "  each hit is held against the filter again",
        *(f"  {note}" for note in searched["notes"]),
        "",
        "eventbridge  a rule on the deltas bus",
        _indented(rule["pattern"]),
        *(f"  {note}" for note in rule["notes"]),
        *(f"  {each['key']}: {each['text']} ({each['name']})" for each in explained["differences"]),
    ]


def _indented(value: object) -> str:
    return "\n".join(f"  {line}" for line in json.dumps(value, indent=2, ensure_ascii=False).splitlines())


# --- filters and events -----------------------------------------------------------------------


def _read(text: str, known: route.Routes | None) -> pattern.Pattern:
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise StackError(f"the filter is not JSON: {error}; put it in single quotes.") from error
    return _checked(asked, known)


def _checked(asked: object, known: route.Routes | None) -> pattern.Pattern:
    """Check a filter as a subscription would; without routes any key may be named."""
    channels.of("", asked, known.attributes if known else None)
    return pattern.parse(asked)


def _judge(asked: pattern.Pattern, line: lines.Line, known: route.Routes | None) -> tuple[str, bool]:
    """Say what a filter says of an event, and whether the event could not be read."""
    try:
        found = _fields(asked, line, known)
    except Rejected as rejected:
        return f"no event: {rejected.text}", True
    if match.matches(asked, found):
        return "match", False
    return f"no match: {', and '.join(filter_trial.reasons(asked, found))}", False


def _fields(asked: pattern.Pattern, line: lines.Line, known: route.Routes | None) -> dict[str, Any]:
    return filter_trial.routed(line, known) if known else filter_trial.straight(line, asked.keys())


# --- cases ------------------------------------------------------------------------------------

_KEYS = {"name", "filter", "event", "match"}


def _hold(file: Path, known: route.Routes | None) -> None:
    written = _cases(file)
    wrong = [line for number, case in enumerate(written, start=1) for line in _wrong(number, case, known)]
    for line in wrong:
        typer.echo(line)
    typer.echo(f"{len(written) - len(wrong)} of {len(written)} cases are right")
    if wrong:
        raise typer.Exit(1)


def _cases(file: Path) -> list[dict[str, Any]]:
    try:
        written = orjson.loads(file.read_bytes())
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise StackError(f"{file} is not JSON: {error}.") from error
    if not isinstance(written, list) or not written:
        raise StackError(f'{file}: a list of {{"name", "filter", "event", "match"}} is wanted.')
    for number, case in enumerate(written, start=1):
        if not isinstance(case, dict) or case.keys() != _KEYS or not isinstance(case["match"], bool):
            raise StackError(
                f'{file}: case {number}: an object with "name", "filter", "event" and "match" (true or '
                "false), and no other key, is wanted."
            )
    return written


def _wrong(number: int, case: dict[str, Any], known: route.Routes | None) -> list[str]:
    name = f"case {number}, {case['name']}"
    try:
        asked = _checked(case["filter"], known)
    except Refused as refused:
        return [f"{name}: the filter is refused: {refused.text}"]
    (line,) = (
        lines.read([orjson.dumps(case["event"])])
        if isinstance(case["event"], dict)
        else (lines.Line("", fault="an event is a JSON object"),)
    )
    said, fault = _judge(asked, line, known)
    return [f"{name}: {said}"] if fault or (said == "match") is not case["match"] else []
