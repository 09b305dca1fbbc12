"""The CloudFormation stack of a deploy, and what lives and dies with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_cloudformation.type_defs import StackTypeDef, WaiterConfigTypeDef

    from pipeline.local.clouds import Cloud

NEVER_WAS = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
"""States of a stack whose creation failed; it can only be deleted.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html"""

LISTINGS = (
    ("apigatewayv2", "get_apis", "Items[].ApiId"),
    ("dynamodb", "list_tables", "TableNames[]"),
    ("events", "list_event_buses", "EventBuses[].Name"),
    ("iam", "list_roles", "Roles[].RoleName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings[].UUID"),
    ("lambda", "list_functions", "Functions[].FunctionName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("opensearch", "list_domain_names", "DomainNames[].DomainName"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("sqs", "list_queues", "QueueUrls[]"),
)
"""How each service tells what it has: service, operation, and where in the answer the names are."""


def find(cloud: Cloud, name: str) -> StackTypeDef | None:
    """The stack as it is deployed, or None.

    Raises:
        StackError: CloudFormation does not answer, or is at work on it.
    """
    try:
        found = cloud.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as problem:
        if "does not exist" in str(problem):
            return None
        raise StackError(f"CloudFormation refuses: {problem}.") from problem
    except BotoCoreError as problem:
        raise StackError(f"CloudFormation does not answer: {problem}.") from problem
    status = found["StackStatus"]
    if status.endswith("IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise StackError(f"The stack {name} is being changed just now ({status}): wait until that is over.")
    return found


def outputs(found: StackTypeDef) -> dict[str, str]:
    """The outputs of a stack."""
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}


def remove(cloud: Cloud, name: str) -> None:
    """Delete a stack and wait until it is gone.

    Raises:
        StackError: Something of it could not be deleted.
    """
    cloud.cloudformation.delete_stack(StackName=name)
    pause: WaiterConfigTypeDef = {"Delay": 1 if cloud.endpoint else 10, "MaxAttempts": 600}
    try:
        cloud.cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=pause)
    except BotoCoreError as problem:
        raise StackError(f"The stack {name} could not be deleted whole: {problem}.") from problem


# --- its bucket and its logs ------------------------------------------------------------------


def bucket(cloud: Cloud, name: str) -> str:
    """The bucket of a stack's zips."""
    return f"{name}-artifacts-{cloud.account}-{cloud.region}"


def make_bucket(cloud: Cloud, name: str) -> None:
    """Make the stack's bucket, if it is not there."""
    s3, wanted = cloud.s3, bucket(cloud, name)
    try:
        s3.head_bucket(Bucket=wanted)
    except ClientError:
        if cloud.region == "us-east-1":  # the one Region that may not be named
            s3.create_bucket(Bucket=wanted)
            return
        where: Any = {"LocationConstraint": cloud.region}
        s3.create_bucket(Bucket=wanted, CreateBucketConfiguration=where)


def delete_bucket(cloud: Cloud, name: str) -> None:
    """Delete the stack's bucket with all that is in it."""
    s3, unwanted = cloud.s3, bucket(cloud, name)
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=unwanted):
            keys = [each["Key"] for each in page.get("Contents", [])]
            if keys:
                s3.delete_objects(Bucket=unwanted, Delete={"Objects": [{"Key": key} for key in keys]})
        s3.delete_bucket(Bucket=unwanted)
    except ClientError as problem:
        if problem.response["Error"]["Code"] not in {"NoSuchBucket", "404"}:
            raise StackError(f"The bucket {unwanted} could not be deleted: {problem}.") from problem


def delete_logs(cloud: Cloud, physical_ids: frozenset[str]) -> None:
    """Delete the log groups among the stack's resources that an invocation under way made again."""
    for name in physical_ids & frozenset(
        _listed(cloud, "logs", "describe_log_groups", "logGroups[].logGroupName")
    ):
        cloud.logs.delete_log_group(logGroupName=name)


# --- what remains -----------------------------------------------------------------------------


def resources(cloud: Cloud, name: str) -> frozenset[str]:
    """The physical ids of everything that belongs to a stack, its bucket included.

    Not those of custom resources: they are words of their functions' own choice.
    """
    pages = cloud.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    found = {
        each.get("PhysicalResourceId", "")
        for page in pages
        for each in page["StackResourceSummaries"]
        if not each["ResourceType"].startswith("Custom::")
    }
    return frozenset(found - {""}) | {bucket(cloud, name)}


def remaining(cloud: Cloud, physical_ids: frozenset[str]) -> list[str]:
    """Which of a stack's former resources its services still list, as ``service: id``."""
    return [
        f"{service}: {found}"
        for service, operation, path in LISTINGS
        for found in _listed(cloud, service, operation, path)
        if found in physical_ids
    ]


def _listed(cloud: Cloud, service: str, operation: str, path: str) -> Iterator[str]:
    # The stubs type each service by its literal name; this goes over a table of them.
    client: Any = cloud.client(service)
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate().search(path)
    else:
        found = getattr(client, operation)().get(path.partition("[")[0], [])
        key = path.rpartition(".")[2]
        yield from (each[key] for each in found)
