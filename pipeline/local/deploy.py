"""Deploys ``template.yaml``: packages, bucket, ``sam deploy``, outputs.

A deploy that would change nothing is told apart by a fingerprint of all that goes in, and by the
stack itself not having changed since, and asks AWS one question only.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.local import (
    clouds,
    environments,
    files,
    formation,
    package,
    parameters,
    places,
    role_mapping,
    sam,
    stack,
)
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mypy_boto3_cloudformation.type_defs import StackTypeDef

    from pipeline.local.clouds import Cloud
    from pipeline.local.package import Package
    from pipeline.local.progress import Tell

STACK = "livedex"

STACK_NAME = re.compile("[a-z][a-z0-9-]{2,23}")
"""Names of a domain, a bucket and roles begin with it; the bucket's may have 63 characters.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A deploy that may begin: everything that can be checked before has been.

    Attributes:
        of: The state folder.
        parameters: Of the template; those not named keep the value that they have.
        before: The stack as it is deployed now; None where there is none.
        instructions: What the user must do in the cluster before; empty when nothing.
        advice: What the parameters leave open that may hurt later; empty when nothing.
    """

    of: places.Places
    cloud: Cloud
    stack: str
    parameters: Mapping[str, str]
    before: StackTypeDef | None
    instructions: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deploy came to.

    Attributes:
        changed: False when nothing had to be done.
        outputs: The stack's outputs, by their names in ``template.yaml``.
    """

    plan: Plan
    changed: bool
    outputs: Mapping[str, str]
    packages: tuple[Package, ...]


def deploy(
    target: str,
    folder: Path,
    *,
    name: str = STACK,
    region: str | None = None,
    given: Mapping[str, str] | None = None,
    tell: Tell = lambda _: None,
) -> Deployed:
    """Deploy, or find that nothing has changed.

    Args:
        target: ``local`` or ``aws``.
        folder: Where the command line was called; its ``.livedex`` keeps the outputs.
        name: The CloudFormation stack's.
        region: Of AWS; None takes that of the user's AWS settings.
        given: Template parameters that the user wants other than they are.
        tell: Called with words on how far it is.

    Raises:
        StackError: It cannot begin, or it failed and was rolled back; the text has the reason.
    """
    return carry_out(prepare(target, folder, name=name, region=region, given=given), tell)


def prepare(
    target: str,
    folder: Path,
    *,
    name: str = STACK,
    region: str | None = None,
    given: Mapping[str, str] | None = None,
) -> Plan:
    """Check all that can be checked before anything is changed.

    Raises:
        StackError: Something is missing; the text has the way out.
    """
    if not STACK_NAME.fullmatch(name):
        raise StackError(f"{name!r} cannot name a stack: 3 to 24 of a-z, 0-9 and -, a letter first.")
    wanted = dict(given or {})
    parameters.check(wanted)
    of = places.Places(folder)
    if target == "local":
        cloud = clouds.local(folder)
        opensearch = stack.status(folder).endpoints.opensearch
        if not opensearch:
            raise StackError("OpenSearch does not run in this folder: start it with `livedex up`.")
        before = formation.find(cloud, name)
        return Plan(of, cloud, name, parameters.for_local(of, cloud, opensearch, wanted), before, "")
    cloud = clouds.account(region)
    before = formation.find(cloud, name)
    known = parameters.of_stack(before)
    all_of_them = parameters.for_aws(cloud, name, known, wanted)
    together = {**known, **all_of_them}
    instructions = role_mapping.instructions(cloud, name, together)
    return Plan(of, cloud, name, all_of_them, before, instructions, parameters.advice(together))


def carry_out(plan: Plan, tell: Tell = lambda _: None) -> Deployed:
    """Deploy what was planned.

    Raises:
        StackError: It failed and was rolled back; the text has the reason.
    """
    cloud = plan.cloud
    build = plan.of.root / "build" / cloud.target
    tell("packaging")
    packages = tuple(package.build(cloud.target, build, tell))
    shutil.copyfile(places.PROJECT / "template.yaml", build / "template.yaml")
    fingerprint = _fingerprint(plan, packages)
    now = plan.before
    if not now or _kept(plan) != _word(fingerprint, now):
        environments.SAM.make(tell)
        now = _deploy(plan, build, tell)
    changed = not plan.before or _changed(now) != _changed(plan.before)
    outputs = formation.outputs(now)
    files.write(_outputs_file(plan.of, cloud.target), json.dumps(outputs, indent=2).encode())
    files.write(
        _kept_file(plan.of, plan.cloud.target, plan.stack), json.dumps(_word(fingerprint, now)).encode()
    )
    return Deployed(plan, changed, outputs, packages)


def outputs(name: str = STACK, region: str | None = None) -> dict[str, str]:
    """The outputs of a stack in the user's AWS account.

    Raises:
        StackError: It is not there.
    """
    cloud = clouds.account(region)
    found = formation.find(cloud, name)
    if not found:
        raise StackError(
            f"There is no stack {name} in {cloud.region}: deploy it with `livedex deploy --target aws`."
        )
    return formation.outputs(found)


def _deploy(plan: Plan, build: Path, tell: Tell) -> StackTypeDef:
    cloud = plan.cloud
    if plan.before and plan.before["StackStatus"] in formation.NEVER_WAS:
        tell("removing what an earlier deploy left half done")
        formation.remove(cloud, plan.stack)
    formation.make_bucket(cloud, plan.stack)
    tell("deploying")
    sam.deploy(
        cloud,
        build / "template.yaml",
        stack=plan.stack,
        bucket=formation.bucket(cloud, plan.stack),
        parameters=plan.parameters,
        log=plan.of.log("deploy"),
    )
    now = formation.find(cloud, plan.stack)
    if not now:
        raise StackError(f"The stack {plan.stack} is gone right after its deploy: somebody has deleted it.")
    return now


def forget(of: places.Places, target: str, name: str) -> None:
    """Forget a deploy whose stack is gone."""
    _outputs_file(of, target).unlink(missing_ok=True)
    _kept_file(of, target, name).unlink(missing_ok=True)


# --- whether anything changed -----------------------------------------------------------------


def _fingerprint(plan: Plan, packages: tuple[Package, ...]) -> str:
    template = (places.PROJECT / "template.yaml").read_bytes()
    inputs = [each.fingerprint for each in packages], sorted(plan.parameters.items())
    return hashlib.sha256(json.dumps(inputs).encode() + template).hexdigest()


def _word(fingerprint: str, now: StackTypeDef) -> dict[str, str]:
    """What is kept of a deploy: what went in, and which state of which stack came of it."""
    return {"fingerprint": fingerprint, "stack": now["StackId"], "changed": _changed(now)}


def _changed(now: StackTypeDef) -> str:
    return now.get("LastUpdatedTime", now["CreationTime"]).isoformat()


def _kept(plan: Plan) -> dict[str, str] | None:
    try:
        kept: dict[str, str] = json.loads(_kept_file(plan.of, plan.cloud.target, plan.stack).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return kept


def _kept_file(of: places.Places, target: str, name: str) -> Path:
    return of.root / "build" / target / f"{name}.json"


def _outputs_file(of: places.Places, target: str) -> Path:
    return of.outputs if target == "local" else of.root / "outputs-aws.json"
