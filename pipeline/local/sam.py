"""``sam deploy``, and what went wrong when it fails."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.local import environments
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

    from pipeline.local.clouds import Cloud

POLL = {"local": "0.3", "aws": "3"}
"""Seconds between two looks at the stack's events."""

BEGUN = re.compile("^(CREATE|UPDATE)_IN_PROGRESS$")
"""The stack's own state when a deploy begins."""


def deploy(
    cloud: Cloud, template: Path, *, stack: str, bucket: str, parameters: Mapping[str, str], log: Path
) -> None:
    """Deploy the template and the zips beside it.

    Args:
        cloud: Where to.
        template: Its CodeUris name files beside it.
        stack: The CloudFormation stack's name.
        bucket: Where the zips are uploaded.
        parameters: Others keep the value that they have.
        log: Gets all that SAM says.

    Raises:
        StackError: It failed; the text has the reason in one line.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, log.open("w+", encoding="utf-8") as output:
        # A file, because a command line is everybody's to read and some parameters are secrets.
        overrides = Path(scratch) / "parameters.yaml"  # JSON is YAML, and SAM takes no file named .json
        overrides.touch(mode=0o600)
        overrides.write_text(json.dumps(dict(parameters)), encoding="utf-8")
        command: list[str | Path] = [
            *(environments.SAM.folder / "bin" / "sam", "deploy"),
            *("--template-file", template, "--stack-name", stack, "--region", cloud.region),
            *("--s3-bucket", bucket, "--parameter-overrides", f"file://{overrides}"),
            *("--capabilities", "CAPABILITY_NAMED_IAM", "--no-progressbar"),
            *("--no-confirm-changeset", "--no-fail-on-empty-changeset"),
        ]
        environ = cloud.environ() | {
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": POLL[cloud.target],
            "__SAM_CLI_APP_DIR": scratch,  # else it keeps a file in the user's home
            "PYTHONDONTWRITEBYTECODE": "",  # else it compiles all its modules at every deploy
        }
        ended = subprocess.run(
            command,
            cwd=template.parent,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output.seek(0)
        said = output.read()
    if ended.returncode:
        raise StackError(f"The deploy failed: {_reason(cloud, stack, said)}\nAll that SAM said is in {log}.")


def _reason(cloud: Cloud, stack: str, said: str) -> str:
    own = last_error(said)
    if own.startswith("Failed to create/update the stack"):
        return first_failure(_events(cloud, stack)) or own
    return own


def last_error(said: str) -> str:
    """What SAM ended with, without the SDK's words around what AWS said."""
    errors: list[str] = re.findall(r"^Error: (.+)$", said, re.MULTILINE)
    own = errors[-1] if errors else said.strip().rpartition("\n")[2]
    return own.rpartition(" operation: ")[2]


def _events(cloud: Cloud, stack: str) -> list[StackEventTypeDef]:
    pages = cloud.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    return [event for page in pages for event in page["StackEvents"]]


def first_failure(events: list[StackEventTypeDef]) -> str:
    """What made the last deploy fail, of its events, the newest first; empty when nothing did."""
    failed = ""
    for event in events:
        status, reason = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
        if event["StackId"] == event.get("PhysicalResourceId") and BEGUN.match(status):
            break
        if status.endswith("_FAILED") and "cancelled" not in reason:
            failed = f"{event.get('LogicalResourceId')} ({event.get('ResourceType')}): {reason}"
    return failed
