"""What ``template.yaml`` promises, read from it as it stands."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.decode import decode

from pipeline.adapters.websocket import POSTS_PER_SECOND
from pipeline.broadcasting import Bounds
from pipeline.local import parameters, places, role_mapping, stack
from pipeline.local.clouds import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE: dict[str, Any] = decode(str(places.PROJECT / "template.yaml"))[0]

OUTPUTS = {
    *stack.OUTPUTS.values(),
    "DeltasDeadLetterQueueUrl",
    "EventsDeadLetterQueueUrl",
    "FanoutDeadLetterQueueUrl",
    "FanoutQueueUrl",
    "IndexRoleArn",
    "ManagementEndpoint",
    "MessageRoleArn",
    "OpenSearchUrl",
    "QueryRoleArn",
    "RetireRoleArn",
    "SetupRoleArn",
}

SET_ELSEWHERE = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"}
"""What settings read as AWS's own programs do, and the template does not set."""


def of_type(name: str) -> dict[str, dict[str, Any]]:
    resources = TEMPLATE["Resources"]
    return {key: each["Properties"] for key, each in resources.items() if each["Type"] == name}


def functions() -> dict[str, dict[str, Any]]:
    return of_type("AWS::Serverless::Function")


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every statement of a role's policies, under whatever condition."""
    for policy in role["Policies"]:
        if "Fn::If" in policy:
            policy = policy["Fn::If"][1]  # noqa: PLW2901 - the policy that the condition holds
        yield from policy["PolicyDocument"]["Statement"]


def test_every_function_gets_the_settings_that_are_read_and_no_others() -> None:
    source = (places.PROJECT / "pipeline" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"((?:LIVEDEX|AWS)_[A-Z_]+)"', source)) - SET_ELSEWHERE
    shared = set(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    own = set(
        chain.from_iterable(each.get("Environment", {}).get("Variables", {}) for each in functions().values())
    )
    assert {name for name in shared | own if name.startswith("LIVEDEX_")} == read


@pytest.mark.parametrize("function", functions())
def test_a_function_has_a_role_and_a_log_group_of_its_own(function: str) -> None:
    name = function.removesuffix("Function")
    properties = functions()[function]
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}
    assert of_type("AWS::Logs::LogGroup")[f"{name}Logs"]["RetentionInDays"] == {"Ref": "LogDays"}
    assert f"{name}Role" in of_type("AWS::IAM::Role")


def test_no_role_may_do_everything_or_touch_everything() -> None:
    for name, role in of_type("AWS::IAM::Role").items():
        for statement in statements(role):
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [action for action in actions if "*" in action], name
            resources = (
                statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            )
            assert "*" not in resources, name


def test_only_the_five_that_reach_the_cluster_may_and_may_go_into_a_vpc() -> None:
    cluster = {f"{name}Role" for name in ("Index", "Message", "Query", "Retire", "Setup")}
    roles = of_type("AWS::IAM::Role")
    allowed = {
        name for name, role in roles.items() for each in statements(role) if "es:" in str(each["Action"])
    }
    assert allowed == cluster
    assert {name for name, role in roles.items() if "ManagedPolicyArns" in role} == cluster
    in_vpc = {name for name, each in functions().items() if "VpcConfig" in each}
    assert in_vpc == {name.replace("Role", "Function") for name in cluster}


def test_only_our_own_rules_may_put_into_the_queues() -> None:
    for name, policy in of_type("AWS::SQS::QueuePolicy").items():
        hop = name.removesuffix("QueuePolicy")
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Condition"] == {
            "ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [f"{hop}Rule", "Arn"]}}
        }
        assert policy["Queues"] == [{"Ref": f"{hop}Queue"}, {"Ref": f"{hop}DeadLetterQueue"}]


def test_what_a_rule_cannot_deliver_goes_to_the_dead_letters_of_its_hop() -> None:
    for name, rule in of_type("AWS::Events::Rule").items():
        hop = name.removesuffix("Rule")
        (target,) = rule["Targets"]
        assert target["Arn"] == {"Fn::GetAtt": [f"{hop}Queue", "Arn"]}
        assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": [f"{hop}DeadLetterQueue", "Arn"]}


def test_an_outage_of_days_ends_without_a_dead_letter() -> None:
    queues = of_type("AWS::SQS::Queue")
    assert len(queues) == 6
    assert {each["MessageRetentionPeriod"] for each in queues.values()} == {14 * 86_400}
    counts = [each["RedrivePolicy"]["maxReceiveCount"] for each in queues.values() if "RedrivePolicy" in each]
    assert counts == [1000, 1000, 1000]


def test_all_mappings_take_partial_failures_and_limit_concurrency_without_reserving_it() -> None:
    mappings = of_type("AWS::Lambda::EventSourceMapping")
    for mapping in mappings.values():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "MaximumConcurrency" in mapping["ScalingConfig"]
    many = {"Fn::If": ["OnAws", 1000, 10]}
    sizes = {name: mapping["BatchSize"] for name, mapping in mappings.items()}
    assert sizes == {"IndexMapping": many, "BroadcastMapping": many, "FanoutMapping": 1}
    reserving = {name for name, each in functions().items() if "ReservedConcurrentExecutions" in each}
    assert reserving == {"QueryFunction"}  # whose waiting clients must not take what the others need


def test_by_default_all_functions_together_post_less_than_the_account_may() -> None:
    parameters = TEMPLATE["Parameters"]
    mappings = of_type("AWS::Lambda::EventSourceMapping")
    posting = [
        mapping
        for mapping in mappings.values()
        if mapping["ScalingConfig"]["MaximumConcurrency"]["Fn::If"][1] == {"Ref": "PostingConcurrency"}
    ]
    assert len(posting) == 2
    at_once = len(posting) * parameters["PostingConcurrency"]["Default"]
    assert at_once * int(parameters["PostsPerSecond"]["Default"]) < POSTS_PER_SECOND
    assert int(parameters["PostsPerSecond"]["Default"]) == Bounds().posts_per_second


def test_the_default_visibility_is_six_timeouts_and_the_window() -> None:
    timeout, visibility = (
        TEMPLATE["Parameters"][name]["Default"] for name in ("FunctionTimeout", "VisibilityTimeout")
    )
    assert visibility >= 6 * timeout + 1


def test_only_the_retiring_function_may_delete_and_only_what_is_named_by_a_date() -> None:
    deleting = {
        (name, each["Resource"]["Fn::Sub"])
        for name, role in of_type("AWS::IAM::Role").items()
        for each in statements(role)
        if "es:ESHttpDelete" in each["Action"]
    }
    assert deleting == {("RetireRole", "${OpenSearchDomainArn}/*-????.??.??")}


def test_indices_are_retired_each_day_unless_the_stack_was_told_not_to() -> None:
    schedule = functions()["RetireFunction"]["Events"]["Daily"]["Properties"]
    assert schedule["Schedule"] == "cron(15 1 * * ? *)"
    assert schedule["Input"] == {"Fn::If": ["Retires", '{"dryRun": false}', '{"dryRun": true}']}


def test_who_hands_jobs_on_may_and_who_does_them_posts_as_the_broadcast_function_does() -> None:
    queue = {"Fn::GetAtt": ["FanoutQueue", "Arn"]}
    roles = of_type("AWS::IAM::Role")
    sending = {
        name
        for name, role in roles.items()
        for each in statements(role)
        if "sqs:SendMessage" in each["Action"] and str(queue) in str(each["Resource"])
    }
    assert sending == {"BroadcastRole"}
    own = ("logs:", "sqs:")
    ours, theirs = (
        [
            each
            for each in statements(roles[name])
            if not str(each["Action"][0]).startswith(own) and "dynamodb:Query" not in each["Action"]
        ]
        for name in ("BroadcastRole", "FanoutRole")
    )
    assert ours == theirs


def test_nobody_may_read_or_write_rows_but_by_the_kinds_that_are_named() -> None:
    for name, role in of_type("AWS::IAM::Role").items():
        for each in statements(role):
            if any(action.startswith("dynamodb:") for action in each["Action"]):
                kinds = each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                assert kinds, name
                assert not [kind for kind in kinds if kind.startswith("*")], name


def test_only_the_functions_that_ask_the_cluster_know_its_password() -> None:
    secret = {"LIVEDEX_OPENSEARCH_USERNAME", "LIVEDEX_OPENSEARCH_PASSWORD"}
    assert not secret & set(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    told = {
        name
        for name, each in functions().items()
        if secret <= set(each.get("Environment", {}).get("Variables", {}))
    }
    assert told == {name for name, each in functions().items() if "VpcConfig" in each}


def test_no_index_is_made_before_its_template_is_applied() -> None:
    assert TEMPLATE["Resources"]["IndexMapping"]["DependsOn"] == "Setup"


def test_the_pages_that_may_ask_over_http_are_those_that_may_open_a_socket() -> None:
    (http,) = (api for api in of_type("AWS::ApiGatewayV2::Api").values() if api["ProtocolType"] == "HTTP")
    cors = http["CorsConfiguration"]["Fn::If"][1]
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert cors["AllowOrigins"] == {"Ref": "AllowedOrigins"}
    assert variables["LIVEDEX_ALLOWED_ORIGINS"] == {"Fn::Join": [",", {"Ref": "AllowedOrigins"}]}
    assert "AllowCredentials" not in cors  # no cookie means anything here
    assert {"authorization", "x-api-key"} <= set(cors["AllowHeaders"])


def test_only_who_is_asked_for_a_key_may_look_one_up_and_nobody_may_write_one() -> None:
    keys = {
        name: each["Action"]
        for name, role in of_type("AWS::IAM::Role").items()
        for each in statements(role)
        if "KEY#*" in str(each.get("Condition"))
    }
    assert keys == {
        f"{name}Role": ["dynamodb:GetItem"] for name in ("Authorize", "Connect", "Message", "Query", "Ticket")
    }
    for role in of_type("AWS::IAM::Role").values():
        for each in statements(role):
            writes = set(each["Action"]) & {
                f"dynamodb:{word}Item" for word in ("Put", "Update", "BatchWrite")
            }
            unbounded = "Condition" not in each
            assert not (writes and unbounded), each


def test_a_shared_secret_and_aws_do_not_go_together() -> None:
    assertions = TEMPLATE["Rules"]["AwsHasNoLocalSettings"]["Assertions"]
    pattern = re.compile(TEMPLATE["Parameters"]["JwtAlgorithms"]["AllowedPattern"])
    refused = {"Fn::Not": [{"Fn::Equals": [{"Ref": "JwtAlgorithms"}, "HS256"]}]}
    assert refused in [each["Assert"] for each in assertions]
    taken = [
        text
        for text in ("HS256", "RS256", "RS256,ES256,EdDSA", "RS256,HS256", "none", "HS512", "")
        if pattern.fullmatch(text)
    ]
    assert taken == ["HS256", "RS256", "RS256,ES256,EdDSA"]


def test_an_api_may_invoke_only_what_it_routes_to() -> None:
    for name, permission in of_type("AWS::Lambda::Permission").items():
        assert permission["FunctionName"] == {"Ref": name.replace("Permission", "Function")}
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert "Api}/" in permission["SourceArn"]["Fn::Sub"]


def test_a_role_has_the_name_that_the_role_mapping_says() -> None:
    cloud = Cloud("aws", "eu-west-1", "123456789012")
    for name, role in of_type("AWS::IAM::Role").items():
        said = role_mapping.role_arn(cloud, "mine", name.removesuffix("Role").lower()).rpartition("/")[2]
        template_name = role["RoleName"]["Fn::Sub"]
        assert (
            template_name.replace("${AWS::StackName}", "mine").replace("${AWS::Region}", "eu-west-1") == said
        )


def test_the_outputs_are_those_that_others_read() -> None:
    assert set(TEMPLATE["Outputs"]) == OUTPUTS


def test_the_parameters_that_a_deploy_knows_are_those_of_the_template() -> None:
    assert parameters.known() == set(TEMPLATE["Parameters"])


def test_whatever_holds_something_goes_with_the_stack() -> None:
    keeping = {
        name: each["DeletionPolicy"]
        for name, each in TEMPLATE["Resources"].items()
        if "DeletionPolicy" in each
    }
    assert set(keeping.values()) == {"Delete"}
    kept_kinds = (
        "AWS::SQS::Queue",
        "AWS::DynamoDB::Table",
        "AWS::Logs::LogGroup",
        "AWS::OpenSearchService::Domain",
    )
    assert set(keeping) == set().union(*(of_type(kind) for kind in kept_kinds))
