"""The AWS that a command talks to: the local stack's emulator or the user's account, never by mistake.

For the emulator nothing of the user's AWS settings is used; for the account no emulator's endpoint is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.adapters.aws import LOCAL_KEY
from pipeline.local import aws, stack
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client

LOCAL_ACCOUNT = "000000000000"
"""The emulator's account."""

WAY_TO_CREDENTIALS = "run `aws sso login` or `aws configure`, or set AWS_PROFILE, then try again"


@dataclass(frozen=True, slots=True)
class Cloud:
    """One AWS account in one Region, or what takes its place.

    Attributes:
        target: ``local`` or ``aws``.
        endpoint: The emulator's URL; None for AWS itself.
    """

    target: str
    region: str
    account: str
    endpoint: str | None = None

    @property
    def partition(self) -> str:
        """The first part of every ARN: ``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return self.session().get_partition_for_region(self.region)

    @property
    def cloudformation(self) -> CloudFormationClient:
        """A client of CloudFormation."""
        found: CloudFormationClient = self.client("cloudformation")
        return found

    @property
    def s3(self) -> S3Client:
        """A client of S3."""
        found: S3Client = self.client("s3")
        return found

    @property
    def logs(self) -> CloudWatchLogsClient:
        """A client of CloudWatch Logs."""
        found: CloudWatchLogsClient = self.client("logs")
        return found

    def client(self, service: str) -> Any:  # noqa: ANN401 - the stubs know a service by its literal name only
        """A client of a service."""
        proxies: dict[str, str] | None = {} if self.endpoint else None
        config = Config(proxies=proxies, retries={"mode": "standard"})
        session: Any = self.session()
        return session.client(service, endpoint_url=self.endpoint, config=config)

    def domain_arn(self, name: str) -> str:
        """The ARN that a domain of this name has or will have."""
        return f"arn:{self.partition}:es:{self.region}:{self.account}:domain/{name}"

    def session(self) -> boto3.Session:
        """Credentials: the user's own for AWS, dummies for the emulator."""
        return _session(self.region, dummies=bool(self.endpoint))

    def environ(self) -> dict[str, str]:
        """The environment of a program that is to talk to this cloud and to no other."""
        if not self.endpoint:
            return dict(os.environ) | {"AWS_DEFAULT_REGION": self.region, "AWS_REGION": self.region}
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return ours | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": LOCAL_KEY,
            "AWS_SECRET_ACCESS_KEY": LOCAL_KEY,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }


@cache
def _session(region: str, *, dummies: bool) -> boto3.Session:
    key = LOCAL_KEY if dummies else None
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=key, region_name=region)


def local(folder: Path) -> Cloud:
    """The emulator of the folder's stack.

    Raises:
        StackError: It does not run here.
    """
    endpoint = stack.status(folder).endpoints.aws
    if not endpoint:
        raise StackError(
            "The local stack does not run in this folder: start it with `livedex up`. "
            "(To use your AWS account, say --target aws.)"
        )
    return Cloud("local", aws.REGION, LOCAL_ACCOUNT, endpoint)


def account(region: str | None) -> Cloud:
    """The user's AWS account.

    Args:
        region: None takes that of the user's AWS settings.

    Raises:
        StackError: No Region, no credentials, or an endpoint that is not AWS.
    """
    elsewhere = sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL"))
    if elsewhere:
        raise StackError(f"{elsewhere[0]} is set, which is not AWS: unset it, or leave --target aws out.")
    try:
        session = boto3.Session(region_name=region)
        if not session.region_name:
            raise StackError("No AWS Region is set: give --region, or set AWS_REGION.")
        found = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as problem:
        raise StackError(f"No AWS credentials that hold ({problem}): {WAY_TO_CREDENTIALS}.") from problem
    return Cloud("aws", session.region_name, found)
