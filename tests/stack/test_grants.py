"""Least privilege, written down: what a function may do beyond this is a decision, made here."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cdk.bundling import Asset
from cdk.run_bucket import CHUNKS, CLAIMS, REPORTS, SAMPLES, TALLIES
from cdk.stage_loading import load
from reindex.settings import FUNCTIONS, function_name
from reindex.stores import work_list
from tests.stack import templates
from tests.stack.readable import readable
from tests.stack.templates import Stage

Grants = Mapping[str, set[str]]

PROD = "eu-west-1:111122223333"

PROGRESS = "<TablesProgress.Arn>"
WORK = "<TablesWork.Arn>"
RUNS = "<TablesRuns.Arn>"
QUEUE = "<ReingestQueue.Arn>"
DEAD_LETTERS = "<ReingestDeadLetters.Arn>"
LIVE_QUEUE = f"arn:aws:sqs:{PROD}:library-ingestion"
FILES = "<FilesBucket.Arn>"
MACHINE = f"arn:aws:states:{PROD}:stateMachine:image-reindex-prod-run"
EXECUTIONS = f"arn:aws:states:{PROD}:execution:image-reindex-prod-run:*"
PROJECTION = f"arn:aws:lambda:{PROD}:function:image-reindex-prod-image-projection"
INDEX_RULE = f"arn:aws:events:{PROD}:rule/image-reindex-prod-index-phase"
CHECK_RULE = f"arn:aws:events:{PROD}:rule/image-reindex-prod-check-phase"
CATCH_UP_RULE = f"arn:aws:events:{PROD}:rule/image-reindex-prod-catch-up"
ORIGINALS = "arn:aws:s3:::library-originals"
THUMBNAILS = "arn:aws:s3:::library-thumbnails"
CROPS = "arn:aws:s3:::library-crops"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:elasticsearch-AbCdEf"
OTHER_SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:new-cluster-GhIjKl"
LIBRARY_KEY = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
OWN_KEY = "arn:aws:kms:eu-west-1:111122223333:key/66666666-7777-8888-9999-000000000000"

USE_KEY = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}
ANSWER_TOKEN = {"states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"}
KEYS = {LIBRARY_KEY: {"kms:Decrypt"}, OWN_KEY: USE_KEY}
INDEX = {SECRET: {"secretsmanager:GetSecretValue"}}
NETWORK_INTERFACES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


def table(name: str) -> str:
    return f"arn:aws:dynamodb:{PROD}:table/library-{name}"


FEED = (
    "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:"
    "<FunctionsIndexerSqsEventSourceimagereindexPRODReingestQueueD32320D5>"
)
CHAT = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:chat-AbCdEf"
INDEXES = (f"{table('usages')}/index/by-image", f"{table('leases')}/index/by-image")

TICK: Grants = {
    PROGRESS: {"dynamodb:BatchGetItem", "dynamodb:PartiQLUpdate"},
    WORK: {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    },
    FILES: {"s3:ListBucket"},
    f"{FILES}/work/*": {"s3:GetObject", "s3:PutObject"},
    RUNS: {"dynamodb:GetItem", "dynamodb:UpdateItem"},
    LIVE_QUEUE: {"sqs:GetQueueAttributes"},
    MACHINE: ANSWER_TOKEN,
    EXECUTIONS: {"states:DescribeExecution"},
    f"{FILES}/samples/*": {"s3:PutObject"},
    FEED: {"lambda:UpdateEventSourceMapping"},
    **INDEX,
}

LIST_WORK: Grants = {WORK: {"dynamodb:PutItem"}, f"{FILES}/work/*": {"s3:PutObject"}}

EXPECTED: Mapping[str, Grants] = {
    "gather": {
        PROGRESS: {"dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"},
        RUNS: {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        FILES: {"s3:ListBucket"},
        ORIGINALS: {"s3:ListBucket"},
        f"{FILES}/uploads/*": {"s3:GetObject"},
        **LIST_WORK,
        EXECUTIONS: {"states:DescribeExecution"},
        MACHINE: {"states:StartExecution"},
        CATCH_UP_RULE: {"events:DisableRule"},
        **INDEX,
    },
    "batch_index": {
        **TICK,
        QUEUE: {"sqs:GetQueueAttributes", "sqs:SendMessage"},
        INDEX_RULE: {"events:DisableRule"},
        PROJECTION: {"lambda:InvokeFunction"},
        f"{FILES}/claims/*": {"s3:PutObject"},
    },
    "batch_check": {
        **TICK,
        QUEUE: {"sqs:GetQueueAttributes"},
        CHECK_RULE: {"events:DisableRule"},
        ORIGINALS: {"s3:ListBucket"},
        f"{ORIGINALS}/*": {"s3:GetObject"},
    },
    "image_projection": {
        **{bucket: {"s3:ListBucket"} for bucket in (ORIGINALS, THUMBNAILS, CROPS)},
        **{f"{bucket}/*": {"s3:GetObject"} for bucket in (ORIGINALS, THUMBNAILS, CROPS)},
        **{
            table(name): {"dynamodb:BatchGetItem"}
            for name in ("image-collections", "edits", "syndication", "image-status")
        },
        **{index: {"dynamodb:PartiQLSelect"} for index in INDEXES},
        f"{FILES}/claims/*": {"s3:PutObject"},
    },
    "indexer": {
        QUEUE: {
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
        },
        DEAD_LETTERS: {"sqs:SendMessage"},
        PROGRESS: {"dynamodb:BatchGetItem", "dynamodb:PartiQLUpdate"},
        RUNS: {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        FILES: {"s3:ListBucket"},
        f"{FILES}/claims/*": {"s3:GetObject"},
        **LIST_WORK,
        **INDEX,
    },
    "preflight": {
        **{
            table(name): {"dynamodb:DescribeTable"}
            for name in (
                "usages",
                "leases",
                "image-collections",
                "edits",
                "syndication",
                "image-status",
            )
        },
        PROGRESS: {"dynamodb:BatchGetItem"},
        WORK: {"dynamodb:Query"},
        RUNS: {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        **{bucket: {"s3:ListBucket"} for bucket in (FILES, ORIGINALS, THUMBNAILS, CROPS)},
        **{queue: {"sqs:GetQueueAttributes"} for queue in (QUEUE, DEAD_LETTERS, LIVE_QUEUE)},
        PROJECTION: {"lambda:GetFunctionConfiguration"},
        INDEX_RULE: {"events:DescribeRule"},
        CHECK_RULE: {"events:DescribeRule"},
        EXECUTIONS: {"states:DescribeExecution"},
        **INDEX,
    },
    "tally": {
        PROGRESS: {"dynamodb:Scan"},
        RUNS: {
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
        },
        FILES: {"s3:ListBucket"},
        f"{FILES}/tallies/*": {"s3:GetObject", "s3:PutObject"},
        f"{FILES}/reports/*": {"s3:GetObject", "s3:PutObject"},
        f"{FILES}/samples/*": {"s3:GetObject"},
        f"{FILES}/order/*": {"s3:GetObject", "s3:PutObject"},
        f"{FILES}/work/*": {"s3:GetObject", "s3:PutObject"},
        WORK: {"dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Query"},
        DEAD_LETTERS: {"sqs:GetQueueAttributes"},
        **INDEX,
    },
    "audit": {
        PROGRESS: {"dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:Scan"},
        **{
            table(name): {"dynamodb:DescribeTable", "dynamodb:Scan"}
            for name in ("usages", "leases")
        },
        **{
            table(name): {"dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:Scan"}
            for name in ("image-collections", "edits", "syndication", "image-status")
        },
        **{index: {"dynamodb:PartiQLSelect"} for index in INDEXES},
        RUNS: {"dynamodb:GetItem"},
        **{bucket: {"s3:ListBucket"} for bucket in (FILES, ORIGINALS, THUMBNAILS, CROPS)},
        **{f"{bucket}/*": {"s3:GetObject"} for bucket in (ORIGINALS, THUMBNAILS, CROPS)},
        f"{FILES}/audits/*": {"s3:GetObject", "s3:PutObject"},
        f"{FILES}/audit-work/*": {"s3:GetObject", "s3:PutObject"},
        PROJECTION: {"lambda:InvokeFunction"},
        **INDEX,
    },
    "notices": {
        RUNS: {"dynamodb:GetItem"},
        FILES: {"s3:ListBucket"},
        f"{FILES}/reports/*": {"s3:GetObject"},
        CHAT: {"secretsmanager:GetSecretValue"},
        "<MonitoringAlarmsTopic>": {"sns:Publish"},
    },
}

STATE_MACHINE: Grants = {
    **{
        f"<Functions{function}.Arn>{version}": {"lambda:InvokeFunction"}
        for function in ("Gather", "Preflight", "Tally")
        for version in ("", ":*")
    },
    RUNS: {"dynamodb:UpdateItem"},
    "<PhasesIndex.Arn>": {"events:DisableRule", "events:EnableRule"},
    "<PhasesCheck.Arn>": {"events:DisableRule", "events:EnableRule"},
    OWN_KEY: USE_KEY,
    # Log delivery has no resources to name.
    "*": {
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    },
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements_of(stage: Stage, role: str, effect: str) -> Iterator[Mapping[str, Any]]:
    """A role's statements of one effect."""
    for properties in stage.properties("AWS::IAM::Policy").values():
        if role in map(readable, properties["Roles"]):
            statements = properties["PolicyDocument"]["Statement"]
            yield from (each for each in statements if each["Effect"] == effect)


def grants_of(stage: Stage, role: str) -> Grants:
    """What a role may do, by resource."""
    found: dict[str, set[str]] = {}
    for statement in statements_of(stage, role, "Allow"):
        assert "Condition" not in statement
        for resource in listed(statement["Resource"]):
            found.setdefault(readable(resource), set()).update(listed(statement["Action"]))
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_do_this_and_no_more(prod: Stage, name: str) -> None:
    construct = "".join(part.capitalize() for part in name.split("_"))
    assert grants_of(prod, f"<Functions{construct}Role>") == {
        **EXPECTED[name],
        **KEYS,
        f"<Functions{construct}Logs.Arn>": {"logs:CreateLogStream", "logs:PutLogEvents"},
        # Lambda makes network interfaces before their ARNs can be known.
        **({} if name == "notices" else {"*": NETWORK_INTERFACES}),
    }


@pytest.mark.parametrize("function", ["ImageProjection", "Audit"])
def test_a_lookup_never_scans_the_librarys_tables(prod: Stage, function: str) -> None:
    [denied] = statements_of(prod, f"<Functions{function}Role>", "Deny")

    assert {readable(resource) for resource in denied["Resource"]} == {*INDEXES}
    assert denied["Condition"] == {"Bool": {"dynamodb:FullTableScan": "true"}}


def test_the_state_machine_may_do_this_and_no_more(prod: Stage) -> None:
    assert grants_of(prod, "<WorkflowRunRole>") == STATE_MACHINE


def test_the_state_machine_of_audits_may_do_this_and_no_more(prod: Stage) -> None:
    assert grants_of(prod, "<AuditMachineRole>") == {
        **{f"<FunctionsAudit.Arn>{v}": {"lambda:InvokeFunction"} for v in ("", ":*")},
        OWN_KEY: USE_KEY,
        "*": STATE_MACHINE["*"],
    }


def test_the_schedule_may_start_runs_and_no_more(prod: Stage) -> None:
    assert grants_of(prod, "<ScheduleRole>") == {"<WorkflowRun>": {"states:StartExecution"}}


def test_no_function_may_do_something_everywhere_outside_a_network(stage: Stage) -> None:
    for role in stage.of_type("AWS::IAM::Role"):
        if role not in {"<WorkflowRunRole>", "<AuditMachineRole>"}:
            assert "*" not in grants_of(stage, role)


def test_no_role_has_policies_beside_these(prod: Stage) -> None:
    for properties in prod.properties("AWS::IAM::Role").values():
        assert not properties.keys() & {"ManagedPolicyArns", "Policies"}
    # The functions', the two state machines', and the schedule's.
    assert len(prod.of_type("AWS::IAM::Role")) == len(FUNCTIONS) + 3
    assert len(prod.of_type("AWS::IAM::Policy")) == len(FUNCTIONS) + 3


def test_no_action_is_granted_by_half_a_name(prod: Stage) -> None:
    allowed = {"kms:GenerateDataKey*", "kms:ReEncrypt*"}
    for role in prod.of_type("AWS::IAM::Role"):
        for actions in grants_of(prod, role).values():
            assert not {action for action in actions if "*" in action} - allowed


def test_who_may_invoke_what(stage: Stage) -> None:
    permissions = stage.properties("AWS::Lambda::Permission").values()
    assert {
        (readable(p["FunctionName"]), readable(p["SourceArn"]), p["Principal"]) for p in permissions
    } == {
        ("<FunctionsBatchIndex.Arn>", "<PhasesIndex.Arn>", "events.amazonaws.com"),
        ("<FunctionsBatchCheck.Arn>", "<PhasesCheck.Arn>", "events.amazonaws.com"),
        ("<FunctionsGather.Arn>", "<CatchUpRule.Arn>", "events.amazonaws.com"),
        ("<FunctionsNotices.Arn>", "<NoticesRunEnded.Arn>", "events.amazonaws.com"),
        ("<FunctionsNotices.Arn>", "<NoticesRunHeld.Arn>", "events.amazonaws.com"),
    }


def test_a_library_of_one_bucket(asset: Asset) -> None:
    entry = {
        "elasticsearch_url": "http://es",
        "index_alias": "images",
        "library": {"originals_bucket": "only"},
    }
    stage = templates.synthesize(load({"X": entry}, "X"), asset)
    assert grants_of(stage, "<FunctionsImageProjectionRole>") == {
        "arn:<Partition>:s3:::only": {"s3:ListBucket"},
        "arn:<Partition>:s3:::only/*": {"s3:GetObject"},
        f"{FILES}/claims/*": {"s3:PutObject"},
        "<FunctionsImageProjectionLogs.Arn>": {"logs:CreateLogStream", "logs:PutLogEvents"},
    }


LOADER_KEY = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:loader-AbCdEf"
OWN_FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:library-projector:live"
LOADER = {
    "kind": "service",
    "url": "https://loader.example/images/project/{id}",
    "header": "X-Key",
    "secret": LOADER_KEY,
}
PROJECTION_LOGS = {
    "<FunctionsImageProjectionLogs.Arn>": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "*": NETWORK_INTERFACES,
}


def projecting(asset: Asset, **projection: Any) -> Stage:
    """The stage with every setting, and another way to build documents."""
    entry = {**templates.EXAMPLE, "projection": projection}
    return templates.synthesize(load({"PROD": entry}, "PROD"), asset)


def test_with_a_loader_the_projection_reads_what_people_said_and_no_original(
    asset: Asset,
) -> None:
    stage = projecting(asset, loader=LOADER)
    ours = EXPECTED["image_projection"]
    files = {ORIGINALS, f"{ORIGINALS}/*", THUMBNAILS, f"{THUMBNAILS}/*"}
    assert grants_of(stage, "<FunctionsImageProjectionRole>") == {
        **{name: actions for name, actions in ours.items() if name not in files},
        **PROJECTION_LOGS,
        **KEYS,
        LOADER_KEY: {"secretsmanager:GetSecretValue"},
    }
    asks = {"lambda:GetFunctionConfiguration", "lambda:InvokeFunction"}
    assert grants_of(stage, "<FunctionsPreflightRole>")[PROJECTION] == asks


def test_with_a_loader_of_whole_documents_the_projection_reads_nothing_of_the_library(
    asset: Asset,
) -> None:
    stage = projecting(asset, loader={**LOADER, "whole": True})
    assert grants_of(stage, "<FunctionsImageProjectionRole>") == {
        f"{FILES}/claims/*": {"s3:PutObject"},
        LOADER_KEY: {"secretsmanager:GetSecretValue"},
        **PROJECTION_LOGS,
        **KEYS,
    }


def test_with_a_function_of_the_librarys_own_that_one_alone_is_invoked(asset: Asset) -> None:
    stage = projecting(asset, function=OWN_FUNCTION)
    asks = {"lambda:GetFunctionConfiguration", "lambda:InvokeFunction"}
    assert grants_of(stage, "<FunctionsPreflightRole>")[OWN_FUNCTION] == asks
    allowed = grants_of(stage, "<FunctionsBatchIndexRole>")
    assert allowed[OWN_FUNCTION] == {"lambda:InvokeFunction"}
    assert PROJECTION not in allowed
    assert grants_of(stage, "<FunctionsImageProjectionRole>") == {
        f"{FILES}/claims/*": {"s3:PutObject"},
        **PROJECTION_LOGS,
        **KEYS,
    }


def test_on_a_domain_each_function_may_send_what_it_sends_and_reads_no_secret(
    asset: Asset,
) -> None:
    domain = "arn:aws:es:eu-west-1:111122223333:domain/images"
    entry = {k: v for k, v in templates.EXAMPLE.items() if k != "elasticsearch_secret"}
    entry["index"] = {"domain": domain}
    stage = templates.synthesize(load({"PROD": entry}, "PROD"), asset)
    allowed = {}
    for function in FUNCTIONS:
        grants = grants_of(stage, f"<Functions{function.title().replace('_', '')}Role>")
        assert SECRET not in grants
        allowed[function] = grants.get(f"{domain}/*", set())
    reads = {"es:ESHttpGet", "es:ESHttpPost"}
    assert allowed == {
        "gather": reads,
        "batch_index": reads,
        "batch_check": reads | {"es:ESHttpDelete"},
        "image_projection": set(),
        "indexer": reads,
        "preflight": reads | {"es:ESHttpDelete"},
        "tally": reads,
        "audit": reads,
        "notices": set(),
    }


def test_each_function_may_ask_the_other_cluster_as_it_asks_its_own(asset: Asset) -> None:
    domain = "arn:aws:es:eu-west-1:111122223333:domain/new-images"
    other = {"url": "https://new.example", "domain": domain}
    entry = templates.EXAMPLE | {"index": {"other_cluster": other}, "ingest": {}}
    stage = templates.synthesize(load({"PROD": entry}, "PROD"), asset)
    variables = {
        each["FunctionName"]: each["Environment"]["Variables"]
        for each in stage.properties("AWS::Lambda::Function").values()
        if "FunctionName" in each
    }
    reads, deletes = {"es:ESHttpGet", "es:ESHttpPost"}, {"es:ESHttpDelete"}
    for function, methods in {
        "gather": reads,
        "batch_index": reads,
        "batch_check": reads | deletes,
        "image_projection": set(),
        "indexer": reads,
        "preflight": reads | deletes,
        "tally": reads,
        # Only rounds write there: live writers go where the alias leads.
        "live_indexer": set(),
    }.items():
        grants = grants_of(stage, f"<Functions{function.title().replace('_', '')}Role>")
        assert grants.get(f"{domain}/*", set()) == methods, function
        name = function_name("PROD", function)
        assert ("OTHER_URL" in variables[name]) == bool(methods), function


def test_the_secret_of_the_other_cluster_is_read_by_the_functions_that_use_it(asset: Asset) -> None:
    other = {"url": "https://new.example", "secret": OTHER_SECRET}
    entry = templates.EXAMPLE | {"index": {"other_cluster": other}}
    stage = templates.synthesize(load({"PROD": entry}, "PROD"), asset)
    for function, reads in {"Indexer": True, "Tally": True, "ImageProjection": False}.items():
        grants = grants_of(stage, f"<Functions{function}Role>")
        assert (OTHER_SECRET in grants) == reads, function


def test_names_that_the_code_and_the_stack_share() -> None:
    assert CHUNKS == work_list.PREFIX
    ours = (templates.ROOT / "lambdas" / "reindex").rglob("*.py")
    sources = "".join(path.read_text() for path in ours)
    for prefix in (CLAIMS, TALLIES, SAMPLES, REPORTS):
        assert json.dumps(prefix)[:-1] in sources
