"""``plan``, ``apply``, ``verify``, ``policies explain``, ``retire``: what the cluster knows and keeps."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from pipeline import applying, comparing, retiring
from pipeline.cli import clusters, plan_view, time_line
from pipeline.cli.clusters import UrlOption
from pipeline.cli.endpoints import StackOption, Target, TargetOption
from pipeline.cli.output import JsonOption
from pipeline.core import bodies
from pipeline.core.findings import Finding
from pipeline.core.verify import verify as verified
from pipeline.local import deploy
from pipeline.local.errors import StackError
from pipeline.wiring import adapters, shipped

commands = typer.Typer()
_policies = typer.Typer(help="What policies do.", no_args_is_help=True)
commands.add_typer(_policies, name="policies")


@commands.command()
def plan(
    *,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what apply would change in the cluster, and what a changed route meets there."""
    settings = clusters.find(target, stack, url)
    wanted, routes = bodies.wanted(shipped.template_files()), shipped.routes()
    cluster = adapters.cluster(settings)
    found = applying.compare(wanted, cluster)
    met = comparing.compare(
        routes, wanted, cluster, adapters.store(settings), single_tenant=settings.tenancy == "single"
    )
    if as_json:
        _print(plan_view.as_json(found, met))
        return
    for line in plan_view.lines(found, met):
        typer.echo(line)


@commands.command()
def apply(
    *,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
    url: UrlOption = None,
    require_ism: Annotated[
        bool, typer.Option("--require-ism", help="Change nothing where the cluster cannot take policies.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Give the cluster the index templates and policies, and its indices their policies."""
    _refuse_grave(_findings())
    settings = clusters.find(target, stack, url)
    wanted = bodies.wanted(shipped.template_files())
    done = applying.apply(wanted, adapters.cluster(settings), require_ism=require_ism)
    if as_json:
        _print(plan_view.applied(done))
    else:
        typer.echo(done.text[0].upper() + done.text[1:] + ".")
    if done.failed:
        raise StackError(f"{len(done.failed)} indices did not get their policy: run this again later.")


@commands.command()
def verify(*, as_json: JsonOption = False) -> None:
    """Hold routes, index templates and policies against each other."""
    found = _findings()
    if as_json:
        _print({"findings": [plan_view.finding(each) for each in found]})
    else:
        for each in found:
            typer.echo(plan_view.finding_line(each))
    _refuse_grave(found)
    if not found and not as_json:
        typer.echo("Routes, index templates and policies fit each other.")


@_policies.command()
def explain(
    name: Annotated[
        str | None, typer.Argument(help="One policy; all when left out.", show_default=False)
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Print the time line of a policy: what becomes of an index, day by day."""
    found = [body for body in bodies.wanted(shipped.template_files()) if body.kind is bodies.Kind.POLICY]
    chosen = [body for body in found if name in {None, body.name}]
    if not chosen:
        raise StackError(f"There is no policy {name}; there are {', '.join(body.name for body in found)}.")
    if as_json:
        _print({body.name: time_line.as_json(body) for body in chosen})
        return
    for body in chosen:
        for line in time_line.lines(body):
            typer.echo(line)


@commands.command()
def retire(
    *,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deploy.STACK,
    url: UrlOption = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete them; else they are only shown.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show, or delete, indices whose date is past their retention."""
    settings = clusters.find(target, stack, url)
    cluster, clock, routes = adapters.cluster(settings), adapters.clock(settings), shipped.routes().ordered
    done = retiring.retire(routes, cluster=cluster, clock=clock, dry_run=True)
    if delete and done.expired:
        if not yes:
            typer.confirm(f"Delete {len(done.expired)} indices of {settings.opensearch_url}?", abort=True)
        done = retiring.retire(routes, cluster=cluster, clock=clock, dry_run=False)
    if as_json:
        _print(plan_view.retired(done))
    else:
        for line in plan_view.retired_lines(done, deleting=delete):
            typer.echo(line)
    if done.failed:
        raise StackError(f"{len(done.failed)} indices were not deleted: run this again later.")


def _findings() -> tuple[Finding, ...]:
    return verified(shipped.routes().ordered, bodies.read(shipped.template_files()))


def _refuse_grave(found: tuple[Finding, ...]) -> None:
    grave = [each for each in found if each.grave]
    if grave:
        raise StackError(
            f"{len(grave)} things do not fit each other, such as {grave[0].place}: {grave[0].text}"
            if len(grave) > 1
            else f"{grave[0].place}: {grave[0].text}"
        )


def _print(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2))
