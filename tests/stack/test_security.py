"""The security of the stacks, checked by cdk-nag and our own rules."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from aws_cdk import App, Aspects, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from cdk.bundling import Asset
from cdk.sample_library import SampleLibraryStack
from cdk.stack import ReindexStack
from cdk.stage_loading import load
from cdk.stage_settings import StageSettings
from tests.stack import templates
from tests.stack.readable import readable
from tests.stack.templates import CDK_JSON, EXAMPLE, Stage

#: What holds data; all else goes with its stack.
HOLDS_DATA = {"AWS::DynamoDB::Table", "AWS::S3::Bucket"}

MINIMAL = {
    "elasticsearch_url": "https://es",
    "index_alias": "images",
    "library": {"originals_bucket": "originals"},
}


def findings(settings: StageSettings, asset: Asset) -> Iterator[str]:
    """What cdk-nag's AwsSolutions pack says of a stage's stacks."""
    app = App(context=CDK_JSON["context"])
    stacks: list[Stack] = [ReindexStack(app, settings, asset)]
    if not settings.library:
        stacks.append(SampleLibraryStack(app, settings))
    Aspects.of(app).add(AwsSolutionsChecks(verbose=True))
    app.synth()
    anything = Match.string_like_regexp("AwsSolutions|CdkNag")
    for stack in stacks:
        annotations = Annotations.from_stack(stack)
        for found in (
            *annotations.find_error("*", anything),
            *annotations.find_warning("*", anything),
        ):
            yield f"{found.id}: {found.entry.data}"


def accepted(stage: Stage) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, resource in stage.template["Resources"].items():
        for rule in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", ()):
            yield name, rule


@pytest.mark.parametrize(
    "settings",
    [
        load({"LEAST": MINIMAL}, "LEAST"),
        templates.sample_stage(),
        templates.example_stage(),
        load({"TRACED": MINIMAL}, "TRACED", '{"tracing": true}'),
        load({"ENDPOINTS": EXAMPLE}, "ENDPOINTS", '{"network": {"endpoints": true}}'),
    ],
    ids=lambda settings: settings.stage,
)
def test_cdk_nag_finds_nothing(settings: StageSettings, asset: Asset) -> None:
    assert not list(findings(settings, asset))


def test_cdk_nag_would_find_something() -> None:
    # Were the pack silent for another reason, the test above would show nothing.
    app = App()
    stack = Stack(app, "Open")
    Aspects.of(app).add(AwsSolutionsChecks())
    s3.Bucket(stack, "Bucket")
    app.synth()
    Annotations.from_stack(stack).has_error("*", Match.string_like_regexp("AwsSolutions"))


@pytest.mark.parametrize("which", ["stage", "prod", "with_ingest"])
def test_what_is_accepted_has_its_reason(which: str, request: pytest.FixtureRequest) -> None:
    stage: Stage = request.getfixturevalue(which)
    found = list(accepted(stage))
    assert {rule["id"] for _, rule in found} == {
        "AwsSolutions-IAM5",
        "AwsSolutions-S1",
        "AwsSolutions-SF2",
    }
    for name, rule in found:
        assert len(rule["reason"]) > 20, name
        # A permission is accepted by what it says, never a whole role.
        assert (rule["id"] != "AwsSolutions-IAM5") or rule["applies_to"], name


@pytest.mark.parametrize(
    ("kind", "policies"),
    [("AWS::S3::BucketPolicy", 1), ("AWS::SQS::QueuePolicy", 2), ("AWS::SNS::TopicPolicy", 1)],
)
def test_nothing_is_reached_without_tls(prod: Stage, kind: str, policies: int) -> None:
    found = prod.properties(kind).values()
    assert len(found) == policies
    for properties in found:
        denied = [
            statement
            for statement in properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
            and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        assert denied
        assert denied[0]["Principal"] in ({"AWS": "*"}, "*")


def test_the_customers_key_encrypts_what_rests(prod: Stage) -> None:
    key = prod.settings.encryption_key
    for kind, field in (
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
    ):
        found = prod.properties(kind)
        assert found
        for name, properties in found.items():
            assert properties[field] == key, name
    for table in prod.properties("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"]["KMSMasterKeyId"] == key
    (rule,) = prod.one("AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
    assert not prod.of_type("AWS::KMS::Key")


def test_secrets_are_named_and_never_held(prod: Stage) -> None:
    text = json.dumps(prod.template)
    assert "{{resolve:" not in text
    assert not prod.of_type("AWS::SecretsManager::Secret")
    for function in prod.properties("AWS::Lambda::Function").values():
        for name, value in function["Environment"]["Variables"].items():
            if "SECRET" in name:
                assert readable(value) == prod.settings.elasticsearch_secret


def test_nothing_is_open_to_the_world(prod: Stage) -> None:
    for resource in prod.template["Resources"].values():
        assert resource["Type"] not in {
            "AWS::Lambda::Url",
            "AWS::ApiGateway::RestApi",
            "AWS::EC2::SecurityGroupIngress",
        }
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for properties in prod.properties(kind).values():
            for statement in properties["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Allow":
                    assert statement["Principal"] not in ("*", {"AWS": "*"})


def test_what_holds_data_outlives_its_stack(prod: Stage) -> None:
    for name, resource in prod.template["Resources"].items():
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            wanted = "Retain" if resource["Type"] in HOLDS_DATA else "Delete"
            assert resource.get(policy, "Delete") == wanted, name
    for group in prod.of_type("AWS::Logs::LogGroup").values():
        assert group["DeletionPolicy"] == "Delete"


def test_of_a_disposable_stage_nothing_is_left(stage: Stage) -> None:
    sample = templates.synthesize_sample_library(stage.settings)
    for template in (stage.template, sample.template):
        for name, resource in template["Resources"].items():
            assert resource.get("DeletionPolicy", "Delete") == "Delete", name
