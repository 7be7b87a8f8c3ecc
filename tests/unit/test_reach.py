"""A run's first steps as they are deployed, in a network that lets nothing out."""

import re
from pathlib import Path

import pytest

import reindex
from reindex.domain.failures import StoreUnavailable
from reindex.settings import FUNCTIONS
from reindex.steps.preflight import PreflightFailed
from reindex.wiring import Wiring
from tests.local import loopback
from tests.unit.steps.world import ManualClock

#: Each service that a function calls, by what its client is called, and its name for people.
SERVICES = {
    "dynamodb": "DynamoDB",
    "events": "EventBridge",
    "lambda": "Lambda",
    "s3": "S3",
    "secretsmanager": "Secrets Manager",
    "sqs": "SQS",
    "stepfunctions": "Step Functions",
}

EXECUTION = "arn:aws:states:eu-west-1:111122223333:execution:run:1"


@pytest.fixture
def nowhere() -> str:
    """A URL where no server listens."""
    return f"http://{loopback.ADDRESS}:{loopback.free_port()}"


@pytest.fixture
def environ(nowhere: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", nowhere)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    # The clients' own pauses between attempts.
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    return {
        "STAGE": "TEST",
        "PROGRESS_TABLE": "progress",
        "WORK_TABLE": "work",
        "RUNS_TABLE": "runs",
        "REINGEST_QUEUE_URL": f"{nowhere}/1/queue",
        "DEAD_LETTER_QUEUE_URL": f"{nowhere}/1/dead-letters",
        "LIVE_QUEUE_URL": f"{nowhere}/1/live",
        "RUN_BUCKET": "run-bucket",
        "ELASTICSEARCH_URL": nowhere,
        "INDEX_ALIAS": "images",
        "ORIGINALS_BUCKET": "originals",
        "USAGES_TABLE": "usages",
        "INDEX_RULE": "index",
        "CHECK_RULE": "check",
        "CATCH_UP_RULE": "catch-up",
        "STATE_MACHINE_ARN": "arn:aws:states:eu-west-1:1:stateMachine:run",
        "PROJECTION_FUNCTION": "projection",
    }


def findings(environ: dict[str, str]) -> list[str]:
    wiring = Wiring(environ, FUNCTIONS["preflight"])
    wiring.clock = ManualClock()  # type: ignore[assignment]
    with pytest.raises(PreflightFailed) as failed:
        wiring.run_steps.preflight.open_run(EXECUTION)
    return failed.value.findings


def test_each_service_that_cannot_be_reached_is_named(environ: dict[str, str]) -> None:
    sources = [path.read_text() for path in Path(reindex.__file__).parent.rglob("*.py")]
    called = {name for text in sources for name in re.findall(r'\bclient\(\s*"([a-z0-9]+)"', text)}
    # The command alone asks for its identity, and reads logs; notices are no part of a run.
    assert called - {"sts", "logs", "sns"} == SERVICES.keys()

    found = findings(environ | {"ELASTICSEARCH_SECRET": "arn:of-the-secret"})

    named = {finding.split(": ")[1] for finding in found}
    assert named == set(SERVICES.values())


def test_so_is_the_cluster(environ: dict[str, str]) -> None:
    assert any(
        finding.startswith("index: The cluster does not answer: ") for finding in findings(environ)
    )


def test_the_table_that_comes_before_all_of_them_is_named_by_the_plan(
    environ: dict[str, str],
) -> None:
    gathering = Wiring(environ, FUNCTIONS["gather"]).run_steps.gathering

    with pytest.raises(StoreUnavailable, match=r"^DynamoDB: EndpointConnectionError"):
        gathering.plan(EXECUTION, {})
