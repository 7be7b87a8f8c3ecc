import importlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from cdk.bundling import LIBRARY_MAPPING, Asset
from cdk.stage_loading import load
from reindex.domain.options import RunOptions, Source
from reindex.domain.states import Phase
from reindex.reports import footprint
from reindex.settings import (
    COMMAND,
    FUNCTIONS,
    LOADER,
    ImageLoader,
    OtherCluster,
    Pace,
    Projection,
    Settings,
    variables,
)
from tests.stack import templates
from tests.stack.readable import readable
from tests.stack.templates import CDK_JSON, Stage

FUNCTION = "AWS::Lambda::Function"
TICKS = {"batch_index", "batch_check"}


def functions(stage: Stage) -> dict[str, Mapping[str, Any]]:
    """Each function's properties, by its handler's module."""
    return {
        properties["Handler"].removesuffix(".handler"): properties
        for properties in stage.properties(FUNCTION).values()
    }


def environ(properties: Mapping[str, Any]) -> dict[str, str]:
    return {name: readable(v) for name, v in properties["Environment"]["Variables"].items()}


def test_every_function_there_is() -> None:
    # The names of the functions are those of the handlers' modules.
    for name in FUNCTIONS:
        assert callable(importlib.import_module(name).handler), name


@pytest.mark.parametrize("which", ["stage", "prod"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_environment_is_what_its_settings_require(
    which: str, name: str, request: pytest.FixtureRequest
) -> None:
    stage: Stage = request.getfixturevalue(which)
    given = environ(functions(stage)[name])
    ours = {v: given[v] for v in given if not v.startswith("POWERTOOLS_")}
    known = variables(FUNCTIONS[name])
    assert ours.keys() <= known.keys()
    assert {v for v, required in known.items() if required} <= ours.keys()
    Settings(FUNCTIONS[name], ours)
    assert given["POWERTOOLS_METRICS_NAMESPACE"] == "ImageReindex"


#: Settings that the example names and leaves out: of a projection that is not ours, of a domain of
#: Amazon OpenSearch Service, and of another cluster.
ELSEWHERE = {
    *(f.name.upper() for f in (*fields(ImageLoader), *fields(OtherCluster))),
    *("DOCUMENT_MAPPING", "INDEX_DOMAIN"),
}


def test_a_stage_with_a_loader_gives_every_setting_of_it(asset: Asset) -> None:
    loader: dict[str, Any] = {
        "kind": "service",
        "url": "https://loader.example/images/{id}",
        "header": "X-Key",
        "secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:loader-AbCdEf",
        "concurrency": 40,
        "timeout_seconds": 20,
        "whole": True,
    }
    projection = {"loader": loader, "mapping": "cdk/stage.example.json"}
    entry = {**templates.EXAMPLE, "projection": projection}
    found = functions(templates.synthesize(load({"PROD": entry}, "PROD"), asset))
    read = Settings(FUNCTIONS["image_projection"], environ(found["image_projection"]))
    assert read[ImageLoader] == ImageLoader(
        loader["url"], "X-Key", loader["secret"], 8, 20, loader_whole=True
    )
    ticks = Settings(FUNCTIONS["batch_index"], environ(found["batch_index"]))
    assert ticks[Pace].projection_concurrency == 1
    assert ticks[Projection] == Projection(
        "image-reindex-prod-image-projection",
        LOADER,
        own_documents=False,
        document_mapping=LIBRARY_MAPPING,
    )


def test_a_stage_with_every_setting_gives_every_variable(prod: Stage) -> None:
    for name, properties in functions(prod).items():
        assert variables(FUNCTIONS[name]).keys() - ELSEWHERE <= environ(properties).keys()


def test_functions_run_alike(prod: Stage) -> None:
    found = functions(prod)
    assert found.keys() == FUNCTIONS.keys()
    for name, properties in found.items():
        assert properties["FunctionName"] == f"image-reindex-prod-{name.replace('_', '-')}"
        assert properties["Architectures"] == ["arm64"]
        assert properties["Runtime"] == "python3.14"
        assert properties["LoggingConfig"]["LogFormat"] == "JSON"
        assert "TracingConfig" not in properties
        # A chat is outside of the network.
        assert ("VpcConfig" in properties) is (name != "notices")
    assert found["indexer"]["VpcConfig"] == {
        "SubnetIds": ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"],
        "SecurityGroupIds": ["sg-0cccccccccccccccc"],
    }
    assert all(found[name]["MemorySize"] == footprint.MEMORY_MB[name] for name in found)
    assert {name: found[name]["Timeout"] for name in found} == {
        "gather": 900,
        "batch_index": 120,
        "batch_check": 120,
        "image_projection": 30,
        "indexer": 60,
        "preflight": 120,
        "tally": 900,
        "audit": 900,
        "notices": 60,
    }
    assert found["image_projection"]["ReservedConcurrentExecutions"] == 200
    assert "ReservedConcurrentExecutions" not in found["indexer"]
    assert len({json.dumps(properties["Code"]) for properties in found.values()}) == 1


def test_no_network_unless_asked_for(stage: Stage) -> None:
    assert not any("VpcConfig" in properties for properties in functions(stage).values())


def test_tracing_when_asked_for(asset: Asset) -> None:
    settings = load(CDK_JSON["context"]["stages"], "TEST", '{"tracing": true}')
    traced = templates.synthesize(settings, asset)
    for properties in functions(traced).values():
        assert properties["TracingConfig"] == {"Mode": "Active"}
    for machine in traced.properties("AWS::StepFunctions::StateMachine").values():
        assert machine["TracingConfiguration"]["Enabled"]


def test_a_late_tick_is_dropped_and_a_failed_one_not_repeated(stage: Stage) -> None:
    configured = {
        readable(properties["FunctionName"]): properties
        for properties in stage.properties("AWS::Lambda::EventInvokeConfig").values()
    }
    assert configured.keys() == {"<FunctionsBatchIndex>", "<FunctionsBatchCheck>"}
    for properties in configured.values():
        assert properties["MaximumRetryAttempts"] == 0
        assert properties["MaximumEventAgeInSeconds"] == 60


@pytest.mark.parametrize("workers", [1, 3, 5])
def test_each_rule_ticks_every_worker(asset: Asset, workers: int) -> None:
    overrides = json.dumps({"tuning": {"workers": workers}})
    stage = templates.synthesize(load(CDK_JSON["context"]["stages"], "TEST", overrides), asset)
    rules = {r["Name"]: r for r in stage.properties("AWS::Events::Rule").values()}
    phases = {f"image-reindex-test-{phase}-phase" for phase in Phase}
    assert rules.keys() == phases | {
        f"image-reindex-test-{name}" for name in ("catch-up", "run-ended", "run-held")
    }
    for phase in Phase:
        rule = rules[f"image-reindex-test-{phase}-phase"]
        assert rule["State"] == "DISABLED"
        assert rule["ScheduleExpression"] == "rate(1 minute)"
        assert [json.loads(t["Input"]) for t in rule["Targets"]] == [
            {"worker": k} for k in range(workers)
        ]
        for target in rule["Targets"]:
            assert readable(target["Arn"]) == f"<FunctionsBatch{phase.capitalize()}.Arn>"
            assert target["RetryPolicy"] == {
                "MaximumRetryAttempts": 0,
                "MaximumEventAgeInSeconds": 60,
            }
    for properties in functions(stage).values():
        if "INDEX_RULE" in properties["Environment"]["Variables"]:
            assert environ(properties)["INDEX_RULE"] in rules
            assert environ(properties)["CHECK_RULE"] in rules


def test_the_schedule_of_migrations_is_off_and_ticks_gather(stage: Stage) -> None:
    [rule] = [r for r in stage.properties("AWS::Events::Rule").values() if "catch" in r["Name"]]
    [target] = rule["Targets"]
    assert (rule["State"], rule["ScheduleExpression"]) == ("DISABLED", "rate(1 minute)")
    assert readable(target["Arn"]) == "<FunctionsGather.Arn>"
    assert json.loads(target["Input"]) == {"step": "catch_up"}
    assert environ(functions(stage)["gather"])["CATCH_UP_RULE"] == rule["Name"]


def test_the_schedule_starts_runs(prod: Stage) -> None:
    [rule] = [r for r in prod.properties("AWS::Events::Rule").values() if "schedule" in r["Name"]]
    assert rule["Name"] == "image-reindex-prod-schedule"
    assert rule["ScheduleExpression"] == "cron(0 18 1 * ? *)"
    assert rule["State"] == "ENABLED"
    [target] = rule["Targets"]
    assert readable(target["Arn"]) == "<WorkflowRun>"
    assert readable(target["RoleArn"]) == "<ScheduleRole.Arn>"
    assert RunOptions.of(json.loads(target["Input"])) == RunOptions(
        source=Source(kind="index", query={"match": {"metadata.credit": "Example"}}),
        limit=100_000,
        skip_unchanged=True,
    )


def test_no_schedule_unless_asked_for(stage: Stage) -> None:
    rules = stage.properties("AWS::Events::Rule").keys()
    assert rules == {
        *("<PhasesIndex>", "<PhasesCheck>", "<CatchUpRule>"),
        *("<NoticesRunEnded>", "<NoticesRunHeld>"),
    }


@pytest.mark.parametrize("which", ["stage", "prod"])
def test_the_tables(which: str, request: pytest.FixtureRequest) -> None:
    stage: Stage = request.getfixturevalue(which)
    tables = stage.of_type("AWS::DynamoDB::Table")
    assert tables.keys() == {"<TablesProgress>", "<TablesWork>", "<TablesRuns>"}
    for name, table in tables.items():
        properties = table["Properties"]
        keys = ["phase", "chunk"] if name == "<TablesWork>" else ["id"]
        assert [key["AttributeName"] for key in properties["KeySchema"]] == keys
        assert {a["AttributeType"] for a in properties["AttributeDefinitions"]} == {"S"}
        assert "GlobalSecondaryIndexes" not in properties
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert properties["SSESpecification"]["SSEEnabled"]
        assert properties["DeletionProtectionEnabled"] == (which == "prod")
        assert table["DeletionPolicy"] == ("Retain" if which == "prod" else "Delete")


def test_the_queue_outlasts_its_consumer(stage: Stage) -> None:
    queues = stage.properties("AWS::SQS::Queue")
    queue, dead_letters = queues["<ReingestQueue>"], queues["<ReingestDeadLetters>"]
    assert queue["VisibilityTimeout"] >= 6 * functions(stage)["indexer"]["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 40
    assert readable(queue["RedrivePolicy"]["deadLetterTargetArn"]) == "<ReingestDeadLetters.Arn>"
    for properties in (queue, dead_letters):
        assert properties["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert properties["SqsManagedSseEnabled"]


def test_the_indexers_batches(stage: Stage) -> None:
    mapping = stage.one("AWS::Lambda::EventSourceMapping")
    assert readable(mapping["EventSourceArn"]) == "<ReingestQueue.Arn>"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 4}
    assert mapping["BatchSize"] == footprint.INDEXER_BATCH
    assert mapping["MaximumBatchingWindowInSeconds"] == 1


def test_the_bucket_is_private_and_keeps_reports(stage: Stage) -> None:
    bucket = stage.one("AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert {
        rule["Prefix"]: rule["ExpirationInDays"]
        for rule in bucket["LifecycleConfiguration"]["Rules"]
    } == {
        "claims/": 14,
        "uploads/": 90,
        "work/": 90,
        "order/": 7,
        "tallies/": 90,
        "samples/": 90,
        "audit-work/": 30,
    }


def test_log_groups_forget(prod: Stage) -> None:
    groups = prod.properties("AWS::Logs::LogGroup")
    assert {group["LogGroupName"] for group in groups.values()} == {
        *(f"/aws/lambda/image-reindex-prod-{name.replace('_', '-')}" for name in FUNCTIONS),
        "/aws/vendedlogs/states/image-reindex-prod-run",
        "/aws/vendedlogs/states/image-reindex-prod-audits",
    }
    assert {group["RetentionInDays"] for group in groups.values()} == {90}


@pytest.mark.parametrize("which", ["stage", "prod"])
def test_the_command_reads_its_settings_from_the_outputs(
    which: str, request: pytest.FixtureRequest
) -> None:
    stage: Stage = request.getfixturevalue(which)
    outputs = {name: readable(o["Value"]) for name, o in stage.template["Outputs"].items()}
    by_output = {
        "".join(part.capitalize() for part in variable.split("_")): variable
        for variable in variables(COMMAND)
    }
    assert outputs.keys() <= by_output.keys()
    Settings(COMMAND, {by_output[name]: value for name, value in outputs.items()})
    if which == "prod":
        left_out = {name for name, variable in by_output.items() if variable in ELSEWHERE}
        assert outputs.keys() == by_output.keys() - left_out
    assert outputs["ProgressTable"] == "<TablesProgress>"
    machine = stage.properties("AWS::StepFunctions::StateMachine")["<WorkflowRun>"][
        "StateMachineName"
    ]
    assert outputs["StateMachineArn"].endswith(f":stateMachine:{machine}")


def test_the_library_is_given_by_name_and_not_made(prod: Stage) -> None:
    given = environ(functions(prod)["image_projection"])
    assert given["ORIGINALS_BUCKET"] == "library-originals"
    assert given["USAGES_TABLE"] == "library-usages"
    assert len(prod.of_type("AWS::S3::Bucket")) == 1


def test_tag_names_reach_the_projection_and_the_command(prod: Stage, stage: Stage) -> None:
    for given, expected in ((stage, "standard"), (prod, "metadata-extractor")):
        projection = functions(given)["image_projection"]
        assert environ(projection)["TAG_NAMES"] == expected
        assert given.template["Outputs"]["TagNames"]["Value"] == expected
        assert "TAG_NAMES" not in environ(functions(given)["indexer"])


def test_the_sample_library_is_what_the_stage_names(stage: Stage) -> None:
    sample = templates.synthesize_sample_library(stage.settings)
    made = {
        readable(properties.get("TableName") or properties.get("BucketName"))
        for kind in ("AWS::DynamoDB::Table", "AWS::S3::Bucket")
        for properties in sample.properties(kind).values()
    }
    given = environ(functions(stage)["image_projection"])
    told = {v for name, v in given.items() if name.endswith(("_TABLE", "_BUCKET"))}
    assert made == told - {given["RUN_BUCKET"]}


def test_the_sample_library_has_the_grids_keys() -> None:
    sample = templates.synthesize_sample_library(templates.sample_stage())
    tables = {
        table["TableName"].removeprefix("image-reindex-test-"): table
        for table in sample.properties("AWS::DynamoDB::Table").values()
    }
    keys = {
        name: [key["AttributeName"] for key in table["KeySchema"]] for name, table in tables.items()
    }
    assert keys == {
        "usages": ["grouping", "usage_id"],
        **{name: ["id"] for name in ("leases", "collections", "edits", "syndication", "status")},
    }
    indexes = {
        name: {i["IndexName"]: i["KeySchema"][0]["AttributeName"] for i in found}
        for name, table in tables.items()
        if (found := table.get("GlobalSecondaryIndexes"))
    }
    assert indexes == {"usages": {"media_id": "media_id"}, "leases": {"mediaId": "mediaId"}}
