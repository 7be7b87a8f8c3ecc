"""The endpoints that a stage may ask for, so that its functions need no NAT."""

import re

import pytest

from cdk.bundling import Asset
from cdk.stage_loading import load
from tests.stack import templates
from tests.stack.readable import readable
from tests.stack.templates import EXAMPLE, ROOT, Stage

ENDPOINT = "AWS::EC2::VPCEndpoint"
GROUP = "AWS::EC2::SecurityGroup"

NETWORK = EXAMPLE["network"]

#: What the clients of the functions are called, by the endpoint's name; S3 and DynamoDB have
#: gateway endpoints, which belong to the VPC.
SERVICES = {
    "sqs": "sqs",
    "lambda": "lambda",
    "events": "events",
    "states": "stepfunctions",
    "secretsmanager": "secretsmanager",
}


#: Services with gateway endpoints of their own, those that the command alone calls, and
#: one that a function outside of the network calls.
ELSEWHERE = {"s3", "dynamodb"} | {"logs", "sts"} | {"sns"}


def services(stage: Stage) -> set[str]:
    return {p["ServiceName"].rpartition(".")[2] for p in stage.properties(ENDPOINT).values()}


WITH_ENDPOINTS = '{"network": {"endpoints": true}}'


@pytest.fixture(scope="module")
def with_endpoints(asset: Asset) -> Stage:
    return templates.synthesize(load({"PROD": EXAMPLE}, "PROD", WITH_ENDPOINTS), asset)


@pytest.fixture(scope="module")
def without_secret(asset: Asset) -> Stage:
    entry = {name: value for name, value in EXAMPLE.items() if name != "elasticsearch_secret"}
    return templates.synthesize(load({"PROD": entry}, "PROD", WITH_ENDPOINTS), asset)


def test_there_is_one_for_each_service_that_a_function_calls(with_endpoints: Stage) -> None:
    sources = [path.read_text() for path in (ROOT / "lambdas").rglob("*.py")]
    called = {name for text in sources for name in re.findall(r'\bclient\(\s*"([a-z]+)"', text)}
    assert {SERVICES[name] for name in services(with_endpoints)} == called - ELSEWHERE


def test_without_a_secret_there_is_none_for_secrets_manager(without_secret: Stage) -> None:
    assert services(without_secret) == SERVICES.keys() - {"secretsmanager"}


def test_each_is_in_the_functions_subnets_and_answers_to_the_services_own_name(
    with_endpoints: Stage,
) -> None:
    [entrance] = with_endpoints.of_type(GROUP)
    for properties in with_endpoints.properties(ENDPOINT).values():
        assert properties["VpcEndpointType"] == "Interface"
        assert properties["VpcId"] == NETWORK["vpc"]
        assert properties["SubnetIds"] == NETWORK["subnets"]
        assert properties["PrivateDnsEnabled"]
        [group] = properties["SecurityGroupIds"]
        assert readable(group) == entrance.replace(">", ".GroupId>")


def test_only_the_functions_reach_them_and_only_by_https(with_endpoints: Stage) -> None:
    group = with_endpoints.one(GROUP)
    opened = {
        (rule["SourceSecurityGroupId"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"])
        for rule in group["SecurityGroupIngress"]
    }
    assert opened == {(given, "tcp", 443, 443) for given in NETWORK["security_groups"]}
    assert not with_endpoints.of_type("AWS::EC2::SecurityGroupIngress")
    [out] = group["SecurityGroupEgress"]
    assert (out["CidrIp"], out["IpProtocol"]) == ("255.255.255.255/32", "icmp")


def test_unless_asked_for_there_are_none(prod: Stage, stage: Stage) -> None:
    assert prod.settings.network is not None
    for without in (prod, stage):
        assert not without.of_type(ENDPOINT)
        assert not without.of_type(GROUP)


def test_an_image_loaders_secret_needs_one_too(asset: Asset) -> None:
    loader = {
        "kind": "service",
        "url": "https://loader.example/{id}",
        "header": "X-Key",
        "secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:loader-AbCdEf",
    }
    entry = {name: value for name, value in EXAMPLE.items() if name != "elasticsearch_secret"}
    entry["projection"] = {"loader": loader}
    stage = templates.synthesize(load({"PROD": entry}, "PROD", WITH_ENDPOINTS), asset)
    assert services(stage) == SERVICES.keys()
