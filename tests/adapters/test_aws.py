from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.adapters import aws
from pipeline.core.errors import Unavailable
from pipeline.settings import Settings, read

if TYPE_CHECKING:
    from pathlib import Path


def settings(target: str) -> Settings:
    return read(
        {"LIVEDEX_TARGET": target, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "eu-west-1"}
    )


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody with an AWS account of their own."""
    config = tmp_path / "config"
    config.write_text(
        "[profile mine]\nregion = us-west-2\naws_access_key_id = FILE\naws_secret_access_key = FILE\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "MINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "MINE")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "MINE")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:2")


@pytest.mark.parametrize("profile", ["mine", "a profile that is not there"])
def test_a_local_client_has_nothing_of_its_user(monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    monkeypatch.setenv("AWS_PROFILE", profile)
    local = settings("local")
    session = aws.session(local)
    credentials = session.get_credentials()
    assert credentials is not None
    assert credentials.get_frozen_credentials()[:3] == ("test", "test", None)
    assert session.client("sqs", config=config(local)).meta.region_name == "eu-west-1"


def test_a_client_on_aws_has_its_roles_credentials() -> None:
    credentials = aws.session(settings("aws")).get_credentials()
    assert credentials is not None
    assert credentials.get_frozen_credentials()[:3] == ("MINE", "MINE", "MINE")


def config(of: Settings) -> aws.Config:
    return aws.config(of, attempts=3, read_timeout=5, connections=7)


def test_what_botocore_defaults_to_is_said_out_loud() -> None:
    made = config(settings("aws"))
    assert made.retries == {"mode": "standard", "total_max_attempts": 3}
    assert (made.connect_timeout, made.read_timeout, made.max_pool_connections) == (2, 5, 7)
    assert made.tcp_keepalive


def test_a_local_client_goes_past_its_users_proxy() -> None:
    local = settings("local")
    client = aws.session(local).client("sqs", endpoint_url=aws.endpoint(local), config=config(local))
    with pytest.raises(EndpointConnectionError, match=r"127\.0\.0\.1:1"):
        client.list_queues()


def test_without_an_endpoint_of_its_own_a_client_calls_aws() -> None:
    assert aws.endpoint(read({"LIVEDEX_TARGET": "aws"})) is None
    assert aws.endpoint(settings("aws")) == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutItem"),
    ],
)
def test_what_the_sdk_raises_leaves_as_the_service_that_did_not_do_its_part(error: Exception) -> None:
    with pytest.raises(Unavailable, match="DynamoDB") as caught, aws.failing_as("DynamoDB"):
        raise error
    assert caught.value.service == "DynamoDB"
    assert caught.value.text == str(error)


def test_a_defect_of_our_own_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), aws.failing_as("DynamoDB"):
        raise ZeroDivisionError
