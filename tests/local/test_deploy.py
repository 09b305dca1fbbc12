"""Deploying ``template.yaml`` as it is, to an emulator of this module's own, and taking it away again."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from pipeline.local import clouds, deploy, formation, parameters, role_mapping, sam
from pipeline.local import delete as deletion
from pipeline.local import stack as local_stack
from pipeline.local.clouds import Cloud
from pipeline.local.errors import StackError
from pipeline.local.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

    from tests.conftest import RunningStack

ACCOUNT = Cloud("aws", "eu-west-1", "123456789012")


@pytest.fixture(scope="module")
def folder(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an emulator of its own, and the session's OpenSearch."""
    folder = tmp_path_factory.mktemp("deploy")
    try:
        local_stack.up(folder, opensearch_url=stack.opensearch)
        yield folder
    finally:
        local_stack.down(folder)


@pytest.fixture(scope="module")
def deployed(folder: Path) -> deploy.Deployed:
    return deploy.deploy("local", folder)


# --- on the emulator --------------------------------------------------------------------------


def test_a_deployed_stack_answers_and_its_outputs_are_kept(deployed: deploy.Deployed, folder: Path) -> None:
    assert json.loads(Places(folder).outputs.read_bytes()) == deployed.outputs
    assert local_stack.status(folder).endpoints.http == deployed.outputs["HttpUrl"]
    with urlopen(f"{deployed.outputs['HttpUrl']}/v1/health", timeout=30) as answer:  # noqa: S310 - our own
        assert answer.status == 200


def test_the_deploy_puts_templates_into_the_cluster(deployed: deploy.Deployed) -> None:
    url = f"{deployed.outputs['OpenSearchUrl']}/_index_template/livedex-events"
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - our own
        assert json.load(answer)["index_templates"][0]["name"] == "livedex-events"


def test_a_second_deploy_changes_nothing_and_says_so(deployed: deploy.Deployed, folder: Path) -> None:
    log = Places(folder).log("deploy")
    before = log.stat().st_mtime_ns
    again = deploy.deploy("local", folder)
    assert (again.changed, again.outputs) == (False, deployed.outputs)
    assert log.stat().st_mtime_ns == before, "SAM was not even asked"


def test_sam_finds_nothing_to_change_where_our_own_word_is_lost(
    deployed: deploy.Deployed, folder: Path
) -> None:
    kept = Places(folder).root / "build" / "local" / "livedex.json"
    kept.unlink()
    again = deploy.deploy("local", folder)
    assert (again.changed, again.outputs) == (False, deployed.outputs)


def test_a_stack_whose_first_deploy_failed_can_be_deployed_again_and_deleted_without_a_trace(
    folder: Path,
) -> None:
    with pytest.raises(StackError, match=r"Setup \(Custom::LivedexSetup\): .*opensearch"):
        deploy.deploy("local", folder, name="second-try", given={"OpenSearchUrl": "http://127.0.0.1:1"})
    done = deploy.deploy("local", folder, name="second-try")
    belonged = formation.resources(done.plan.cloud, "second-try")
    services = {each.partition(":")[0] for each in formation.remaining(done.plan.cloud, belonged)}
    assert services == {"apigatewayv2", "dynamodb", "events", "iam", "lambda", "logs", "s3", "sqs"}

    deleted = deletion.delete("local", folder, name="second-try")
    assert (deleted.existed, deleted.remains, deleted.purged) == (True, (), ())
    assert formation.remaining(done.plan.cloud, belonged) == []
    with urlopen(f"{done.outputs['OpenSearchUrl']}/_index_template/livedex-events", timeout=30) as answer:  # noqa: S310 - our own
        assert answer.status == 200


def test_deleting_what_is_not_there_is_no_error(folder: Path) -> None:
    deleted = deletion.delete("local", folder, name="never-was")
    assert (deleted.existed, deleted.remains) == (False, ())


# --- what is refused --------------------------------------------------------------------------


def test_a_local_deploy_without_a_running_stack_never_turns_to_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    with pytest.raises(StackError, match="livedex up"):
        deploy.deploy("local", tmp_path)


def test_an_aws_deploy_refuses_an_endpoint_that_is_not_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:4566")
    with pytest.raises(StackError, match="AWS_ENDPOINT_URL_S3 is set"):
        clouds.account("eu-west-1")


def test_an_aws_deploy_without_a_region_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    without_aws_settings(monkeypatch)
    with pytest.raises(StackError, match="--region"):
        clouds.account(None)


def test_an_aws_deploy_without_credentials_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    without_aws_settings(monkeypatch)
    with pytest.raises(StackError, match="aws sso login"):
        clouds.account("eu-west-1")


def test_a_program_that_talks_to_the_emulator_sees_nothing_of_the_users_aws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID"):
        monkeypatch.setenv(name, "theirs")
    environ = Cloud("local", "us-east-1", clouds.LOCAL_ACCOUNT, "http://127.0.0.1:4566").environ()
    assert "theirs" not in environ.values()
    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"


@pytest.mark.parametrize("name", ["Upper", "ab", "a" * 25, "under_score", "-first", "späti"])
def test_a_name_that_some_resource_cannot_bear_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot name a stack"):
        deploy.prepare("local", tmp_path, name=name)


def test_an_unknown_parameter_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"no parameter Tenancies; there are: .*Tenancy"):
        deploy.prepare("local", tmp_path, given={"Tenancies": "single"})


# --- parameters -------------------------------------------------------------------------------


def test_aws_wants_a_cluster_and_an_issuer() -> None:
    with pytest.raises(StackError, match="OpenSearchUrl"):
        parameters.for_aws(ACCOUNT, "livedex", {}, {"JwksUrl": "https://issuer/jwks"})
    with pytest.raises(StackError, match="JwksUrl"):
        parameters.for_aws(ACCOUNT, "livedex", {}, {"OpenSearchUrl": "https://search"})


def test_what_was_given_to_an_earlier_deploy_need_not_be_given_again() -> None:
    before = {
        "OpenSearchUrl": "https://search",
        "JwksUrl": "https://issuer/jwks",
        "OpenSearchPassword": "****",
    }
    assert parameters.for_aws(ACCOUNT, "livedex", before, {"LogDays": "3"}).keys() == {
        "LogDays",
        "SetupContent",
        "Target",
    }


def test_a_domain_to_be_made_is_signed_for_and_named_in_the_policies() -> None:
    found = parameters.for_aws(
        ACCOUNT, "mine", {}, {"CreateDomain": "true", "JwksUrl": "https://issuer/jwks"}
    )
    assert found["OpenSearchAuth"] == "es"
    assert found["OpenSearchDomainArn"] == "arn:aws:es:eu-west-1:123456789012:domain/mine"


def test_a_clusters_name_and_password_travel_apart_from_its_url(tmp_path: Path) -> None:
    cloud = Cloud("local", "us-east-1", clouds.LOCAL_ACCOUNT, "http://127.0.0.1:4566")
    found = parameters.for_local(Places(tmp_path), cloud, "https://me:p%40ss@search:9200", {})
    assert found["OpenSearchUrl"] == "https://search:9200"
    assert (found["OpenSearchAuth"], found["OpenSearchUsername"], found["OpenSearchPassword"]) == (
        "basic",
        "me",
        "p@ss",
    )
    assert found["LocalEndpoint"] == "127.0.0.1:4566"


# --- what a cluster must be told --------------------------------------------------------------


def test_a_given_domain_gets_a_role_and_a_mapping_for_each_kind_of_function() -> None:
    said = role_mapping.instructions(ACCOUNT, "mine", {"OpenSearchAuth": "es"})
    calls = {}
    for call in said.partition("\n\n")[2].split("PUT ")[1:]:
        path, _, body = call.partition("\n")
        calls[path] = json.loads(body)
    assert calls["_plugins/_security/api/rolesmapping/mine-read"]["backend_roles"] == [
        "arn:aws:iam::123456789012:role/mine-eu-west-1-message",
        "arn:aws:iam::123456789012:role/mine-eu-west-1-query",
    ]
    assert len(calls) == 8
    patterns = calls["_plugins/_security/api/roles/mine-index"]["index_permissions"][0]["index_patterns"]
    assert patterns == role_mapping.index_patterns() != []


def test_a_collection_gets_a_data_access_policy_and_only_the_retiring_role_may_delete() -> None:
    arn = "arn:aws:aoss:eu-west-1:123456789012:collection/abc"
    said = role_mapping.instructions(ACCOUNT, "mine", {"OpenSearchAuth": "aoss", "OpenSearchDomainArn": arn})
    four, retiring = json.loads(said.rpartition("--policy ")[2].strip("'"))
    assert len(four["Principal"]) == 4
    assert "Delete" not in str(four)
    assert retiring["Principal"] == ["arn:aws:iam::123456789012:role/mine-eu-west-1-retire"]
    assert arn in said


@pytest.mark.parametrize(
    "given", [{"OpenSearchAuth": "basic"}, {"OpenSearchAuth": "es", "CreateDomain": "true"}]
)
def test_a_cluster_that_asks_for_no_role_needs_no_instructions(given: dict[str, str]) -> None:
    assert role_mapping.instructions(ACCOUNT, "mine", given) == ""


@pytest.mark.parametrize("given", [{}, {"ReadConcurrency": "0"}])
def test_a_deploy_to_aws_says_that_who_waits_may_take_what_the_others_need(given: dict[str, str]) -> None:
    assert "--parameter ReadConcurrency=50" in parameters.advice(given)
    assert parameters.advice({"ReadConcurrency": "50"}) == ""


# --- reasons ----------------------------------------------------------------------------------


def test_the_first_failure_of_the_last_deploy_is_its_reason() -> None:
    events: list[StackEventTypeDef] = [
        event("Setup", "UPDATE_FAILED", "Resource update cancelled"),
        event("Setup", "UPDATE_FAILED", "OpenSearch refuses"),
        event("Table", "UPDATE_COMPLETE"),
        event("livedex", "UPDATE_IN_PROGRESS", "User Initiated", physical="arn:stack"),
        event("Setup", "CREATE_FAILED", "an older story"),
    ]
    assert sam.first_failure(events) == "Setup (Custom::Kind): OpenSearch refuses"


def test_an_error_is_told_in_the_words_of_aws() -> None:
    said = (
        "\tUploading to 1.zip\n"
        "Error: Failed to create changeset for the stack: x, An error occurred (ValidationError) when calling"
        " the CreateChangeSet operation: Parameter 'Tenancy' value 'many' is not in AllowedValues\n"
    )
    assert sam.last_error(said) == "Parameter 'Tenancy' value 'many' is not in AllowedValues"


def event(resource: str, status: str, reason: str = "", physical: str = "an-id") -> StackEventTypeDef:
    return {
        "StackId": "arn:stack",
        "EventId": "1",
        "StackName": "livedex",
        "Timestamp": 0,  # type: ignore[typeddict-item] # not read here
        "LogicalResourceId": resource,
        "PhysicalResourceId": physical,
        "ResourceType": "Custom::Kind",
        "ResourceStatus": status,  # type: ignore[typeddict-item] # the literal comes from the table above
        "ResourceStatusReason": reason,
    }


def without_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
