"""The live lane in the stack: what it has, what its functions may do, and that it is optional."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from cdk.bundling import Asset
from cdk.stage_loading import load
from cdk.stage_settings import FollowSettings, IngestSettings
from reindex.settings import (
    FOLLOW_FUNCTIONS,
    INGEST_COMMAND,
    INGEST_FUNCTIONS,
    Settings,
    SettingsError,
    variables,
)
from tests.stack import templates
from tests.stack.readable import readable
from tests.stack.templates import EXAMPLE, ROOT, STREAM, Stage
from tests.stack.test_grants import (
    EXPECTED,
    FILES,
    INDEX,
    KEYS,
    LIBRARY_KEY,
    NETWORK_INTERFACES,
    ORIGINALS,
    PROJECTION,
    THUMBNAILS,
    grants_of,
)
from tests.stack.test_monitoring import ALARM, anchors
from tests.stack.test_stack import environ, functions

SUBMISSIONS = "<IngestSubmissions.Arn>"
CONSUME = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
}

GRANTS: Mapping[str, Mapping[str, set[str]]] = {
    "ingest": {
        SUBMISSIONS: {"dynamodb:GetItem", "dynamodb:PutItem"},
        "<IngestIngestQueue.Arn>": CONSUME,
        "<IngestHighPriorityQueue.Arn>": {"sqs:SendMessage"},
        "<IngestDeadLetters.Arn>": {"sqs:SendMessage"},
        "<Ingest.Arn>": {"s3:ListBucket", "s3:ListBucketVersions"},
        "<Ingest.Arn>/*": {"s3:DeleteObjectVersion", "s3:GetObjectVersion"},
        "<IngestFailed.Arn>": {"s3:ListBucket"},
        "<IngestFailed.Arn>/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
        ORIGINALS: {"s3:ListBucket"},
        f"{ORIGINALS}/*": {"s3:GetObject", "s3:PutObject"},
        f"{THUMBNAILS}/*": {"s3:PutObject"},
        "<IngestPublic.Arn>/*": {"s3:PutObject"},
        **KEYS,
        LIBRARY_KEY: {"kms:Decrypt", "kms:GenerateDataKey"},
    },
    "live_indexer": {
        SUBMISSIONS: {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "<IngestHighPriorityQueue.Arn>": CONSUME,
        "<IngestDeadLetters.Arn>": {"sqs:SendMessage"},
        PROJECTION: {"lambda:InvokeFunction"},
        FILES: {"s3:ListBucket"},
        f"{FILES}/claims/*": {"s3:GetObject"},
        **INDEX,
        **KEYS,
    },
    "follow": {
        "<IngestHighPriorityQueue.Arn>": {"sqs:SendMessage"},
        "<IngestCropsQueue.Arn>": CONSUME,
        STREAM: {
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        },
        **KEYS,
    },
}

LANE = {**INGEST_FUNCTIONS, **FOLLOW_FUNCTIONS}


def test_the_grants_of_the_other_functions_are_the_same(with_ingest: Stage, prod: Stage) -> None:
    for name in EXPECTED.keys() - {"batch_index", "batch_check", "preflight"}:
        role = f"<Functions{''.join(part.capitalize() for part in name.split('_'))}Role>"
        assert grants_of(with_ingest, role) == grants_of(prod, role)


@pytest.mark.parametrize("name", LANE)
def test_a_function_of_the_lane_may_do_this_and_no_more(with_ingest: Stage, name: str) -> None:
    construct = "".join(part.capitalize() for part in name.split("_"))
    assert grants_of(with_ingest, f"<Functions{construct}Role>") == {
        **GRANTS[name],
        f"<Functions{construct}Logs.Arn>": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "*": NETWORK_INTERFACES,
    }


@pytest.mark.parametrize("name", LANE)
def test_a_function_of_the_lane_is_given_its_settings(with_ingest: Stage, name: str) -> None:
    given = environ(functions(with_ingest)[name])
    known = variables(LANE[name])
    assert {v for v in given if not v.startswith("POWERTOOLS_")} <= known.keys()
    Settings(LANE[name], given)


def test_nothing_of_the_lane_is_in_a_stage_without(stage: Stage, prod: Stage) -> None:
    for without in (stage, prod):
        text = json.dumps(without.template)
        assert "Submission" not in text
        assert "HighPriority" not in text
        assert not functions(without).keys() & LANE.keys()


def test_a_reindex_holds_back_for_the_high_priority_queue(with_ingest: Stage) -> None:
    for name in ("batch_index", "batch_check", "preflight"):
        given = environ(functions(with_ingest)[name])
        assert given["LIVE_QUEUE_URL"] == "<IngestHighPriorityQueue>"
        role = f"<Functions{''.join(part.capitalize() for part in name.split('_'))}Role>"
        allowed = grants_of(with_ingest, role)["<IngestHighPriorityQueue.Arn>"]
        assert allowed == {"sqs:GetQueueAttributes"}


def test_a_queue_of_the_stages_own_choice_counts_more() -> None:
    settings = load({"PROD": {**EXAMPLE, "ingest": {}}}, "PROD")
    assert settings.ingest == IngestSettings()
    assert settings.tuning["live_queue_url"].endswith("library-ingestion")


def test_s3_alone_sends_events_of_the_ingest_bucket(with_ingest: Stage) -> None:
    buckets = with_ingest.of_type("AWS::S3::Bucket")
    ingest = buckets["<Ingest>"]
    assert ingest["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    [configured] = ingest["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert readable(configured["Queue"]) == "<IngestIngestQueue.Arn>"
    policies = with_ingest.of_type("AWS::SQS::QueuePolicy")
    statements = [
        statement
        for policy in policies.values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    allowed = {
        readable(each["Resource"]): readable(each["Condition"]["ArnEquals"]["aws:SourceArn"])
        for each in statements
    }
    assert all(each["Principal"] == {"Service": "s3.amazonaws.com"} for each in statements)
    name = readable(ingest["Properties"]["BucketName"])
    assert allowed == {
        "<IngestIngestQueue.Arn>": f"arn:aws:s3:::{name}",
        "<IngestCropsQueue.Arn>": "arn:aws:s3:::library-crops",
    }
    # S3 tries whether it may send before it accepts the configuration.
    assert any("IngestQueuePolicy" in name for name in ingest["DependsOn"])


def test_submissions_are_found_by_id_by_image_and_by_failure(with_ingest: Stage) -> None:
    table = with_ingest.properties("AWS::DynamoDB::Table")["<IngestSubmissions>"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["key", "version"]
    indexes = {
        index["IndexName"]: (
            [key["AttributeName"] for key in index["KeySchema"]],
            index["Projection"]["ProjectionType"],
        )
        for index in table["GlobalSecondaryIndexes"]
    }
    assert indexes == {
        "submission_id": (["submission_id"], "KEYS_ONLY"),
        "image_id": (["image_id"], "KEYS_ONLY"),
        "failure_code": (["failure_code"], "ALL"),
    }


@pytest.mark.parametrize("name", ["Ingest", "IngestFailed", "IngestPublic"])
def test_buckets_are_private_and_kept(with_ingest: Stage, name: str) -> None:
    bucket = with_ingest.of_type("AWS::S3::Bucket")[f"<{name}>"]
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["BucketEncryption"]
    assert bucket["DeletionPolicy"] == "Retain"


def test_the_queues_feed_their_functions(with_ingest: Stage) -> None:
    mappings = {
        readable(mapping["EventSourceArn"]): mapping
        for mapping in with_ingest.properties("AWS::Lambda::EventSourceMapping").values()
    }
    queues = with_ingest.properties("AWS::SQS::Queue")
    for queue, function, batch, most in (
        ("IngestIngestQueue", "ingest", 1, 10),
        ("IngestHighPriorityQueue", "live_indexer", 50, 2),
    ):
        mapping = mappings[f"<{queue}.Arn>"]
        assert mapping["BatchSize"] == batch
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": most}
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        timeout = functions(with_ingest)[function]["Timeout"]
        assert queues[f"<{queue}>"]["VisibilityTimeout"] >= 6 * timeout


def test_the_streams_feed_what_follows_them(with_ingest: Stage, asset: Asset) -> None:
    mappings = with_ingest.properties("AWS::Lambda::EventSourceMapping").values()
    [stream] = [each for each in mappings if each["EventSourceArn"] == STREAM]
    assert stream["MaximumBatchingWindowInSeconds"] == 10
    assert environ(functions(with_ingest)["follow"])["FOLLOW_WINDOW_SECONDS"] == "10"

    without = templates.synthesize(load({"PROD": {**EXAMPLE, "ingest": {}}}, "PROD"), asset)
    assert "follow" not in functions(without)
    assert "CropsQueue" not in json.dumps(without.template)


def test_the_command_reads_the_lanes_settings_from_the_outputs(with_ingest: Stage) -> None:
    outputs = with_ingest.template["Outputs"].keys()
    for variable in variables(INGEST_COMMAND):
        assert "".join(part.capitalize() for part in variable.split("_")) in outputs


def test_the_lanes_alarms_say_where_to_read_on(with_ingest: Stage, prod: Stage) -> None:
    found = {alarm["AlarmName"] for alarm in with_ingest.properties(ALARM).values()}
    found -= {alarm["AlarmName"] for alarm in prod.properties(ALARM).values()}
    sections = {name.removeprefix("image-reindex-prod-") for name in found}
    assert sections == {
        "not-searchable",
        "failing-submissions",
        "archive-conflict",
        "ingest-dead-letters",
    }
    assert sections <= anchors()


@pytest.mark.parametrize(
    ("ingest", "problem"),
    [
        ({"max_megabytes": 6_000}, "ingest.max_megabytes must be from 1 to 5000"),
        ({"concurrency": 1}, "ingest.concurrency must be from 2 to 1000"),
        ({"follow": {}}, "ingest.follow: give streams, crops, or both"),
        ({"follow": {"streams": ["x"]}}, "x is no ARN of a DynamoDB stream"),
        ({"follow": {"crops": True, "window_seconds": 901}}, "must be from 0 to 900"),
        ({"concurency": 3}, "unknown setting concurency"),
    ],
)
def test_what_is_wrong_with_the_lanes_settings_is_named(
    ingest: Mapping[str, Any], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        load({"PROD": {**EXAMPLE, "ingest": ingest}}, "PROD")


def test_the_page_of_settings_has_every_setting_of_the_lane() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text()
    assert all(f"`ingest.{field.name}`" in page for field in fields(IngestSettings))
    assert all(f"`ingest.follow.{field.name}`" in page for field in fields(FollowSettings))
