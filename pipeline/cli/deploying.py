"""``deploy`` and ``delete``: the stack of AWS resources, on the local stack or in your account."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import endpoints
from pipeline.cli.endpoints import Target, TargetOption
from pipeline.cli.output import JsonOption
from pipeline.local import delete as deletion
from pipeline.local import deploy as deployment
from pipeline.local.errors import StackError
from pipeline.local.progress import Board

commands = typer.Typer()

StackOption = Annotated[str, typer.Option("--stack", help="Name of the CloudFormation stack.")]
RegionOption = Annotated[
    str | None, typer.Option("--region", help="AWS Region; else that of your AWS settings.")
]


@commands.command()
def deploy(
    *,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deployment.STACK,
    region: RegionOption = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            help="NAME=VALUE of template.yaml; kept by later deploys.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Package and deploy; say so when nothing has changed."""
    plan = deployment.prepare(target, Path.cwd(), name=stack, region=region, given=_given(parameter or []))
    if plan.instructions:
        typer.echo(plan.instructions, err=True)
    if plan.advice:
        typer.echo(plan.advice, err=True)
    if target is Target.AWS:
        typer.echo(f"Deploying {stack} to AWS account {plan.cloud.account}, {plan.cloud.region}.", err=True)
    with Board(sys.stderr) as board, board.part("deploy") as tell:
        done = deployment.carry_out(plan, tell)
        tell(f"{stack} is {'deployed' if done.changed else 'unchanged'}")
    if as_json:
        typer.echo(json.dumps(_as_json(done), indent=2))
        return
    typer.echo(f"{stack} is deployed." if done.changed else f"Nothing has changed: {stack} is as it was.")
    for package in done.packages:
        typer.echo(f"  {package.group + '.zip':<28} {package.bytes / 1e6:>5.1f} MB")
    for name, value in done.outputs.items():
        typer.echo(f"  {name:<28} {value}")


@commands.command()
def delete(
    *,
    target: TargetOption = Target.LOCAL,
    stack: StackOption = deployment.STACK,
    region: RegionOption = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Delete indices, templates and policies in the cluster as well.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete every AWS resource of the stack; the cluster's content stays."""
    what = "all that livedex indexed" if purge else "the cluster's content stays"
    if not yes and (purge or target is Target.AWS):
        typer.confirm(f"Delete the stack {stack} ({target.value}; {what})?", abort=True)
    cluster = endpoints.find(target, stack).settings if purge else None
    with Board(sys.stderr) as board, board.part("delete") as tell:
        done = deletion.delete(target, Path.cwd(), name=stack, region=region, cluster=cluster, tell=tell)
        tell("done")
    if as_json:
        typer.echo(json.dumps(asdict(done), indent=2))
    else:
        typer.echo(f"{stack} is deleted." if done.existed else f"There was no stack {stack}.")
        for path in done.purged:
            typer.echo(f"  purged {path}")
    if done.remains:
        raise StackError(f"Still there, though it should not be: {', '.join(done.remains)}.")


def _given(parameters: list[str]) -> dict[str, str]:
    for each in parameters:
        if "=" not in each:
            raise StackError(f"--parameter {each!r} must be NAME=VALUE.")
    return dict(each.split("=", 1) for each in parameters)


def _as_json(done: deployment.Deployed) -> dict[str, object]:
    return {
        "stack": done.plan.stack,
        "target": done.plan.cloud.target,
        "account": done.plan.cloud.account,
        "region": done.plan.cloud.region,
        "changed": done.changed,
        "packages": {each.group: each.bytes for each in done.packages},
        "outputs": dict(done.outputs),
    }
