"""Calling the image-projection lambda."""

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from reindex.domain.failures import Failure, ProjectorDied, StoreUnavailable
from reindex.domain.projections import Projected, ProjectionAnswer
from reindex.stores.interfaces.projection import Projector
from reindex.stores.projector import READ_SECONDS, LambdaProjector, projector_config
from tests.unit.aws import SESSION, Calls

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ANSWER = ProjectionAnswer(
    images=[Projected("a", "digest", '{"id":"a"}')],
    failures={"b": Failure("not_found", "The original does not exist.")},
    bytes_read=10,
    requests=2,
)


@pytest.fixture
def client() -> "LambdaClient":
    return SESSION.client(
        "lambda",
        config=projector_config(4),
    )


@pytest.fixture
def calls(client: "LambdaClient") -> Calls:
    return Calls(client, "Invoke")


@pytest.fixture
def projector(client: "LambdaClient") -> Projector:
    return LambdaProjector(client, "projection")


def _payload(answer: Any, **more: str) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **more}


def test_documents_and_failures_come_back_as_they_were_given(
    projector: Projector, calls: Calls
) -> None:
    calls.answer(_payload(ANSWER.to_event()))

    assert projector.project(["a", "b"], "run") == ANSWER

    assert calls.parameters[0]["FunctionName"] == "projection"
    assert json.loads(calls.parameters[0]["Payload"]) == {"ids": ["a", "b"], "run_id": "run"}


def test_what_the_index_may_refuse_is_said_if_there_is_any(
    projector: Projector, calls: Calls
) -> None:
    for misfits in ({"fileMetadata.xmp.x:y": "object"}, {}):
        calls.answer(_payload(ANSWER.to_event()))
        projector.project(["a", "b"], "run", misfits)
    told, nothing = (json.loads(call["Payload"]) for call in calls.parameters)
    assert told["misfits"] == {"fileMetadata.xmp.x:y": "object"}
    assert "misfits" not in nothing


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 30.00 seconds"},
            "Sandbox.Timedout: Task timed out after 30.00 seconds",
        ),
        (
            {"errorType": "Runtime.OutOfMemory", "errorMessage": "signal: killed"},
            "Runtime.OutOfMemory: signal: killed",
        ),
        ({"errorType": "MemoryError", "errorMessage": ""}, "MemoryError: "),
        ({"errorMessage": "Task timed out"}, "Unhandled: Task timed out"),
        ("what", 'Unhandled: "what"'),
    ],
)
def test_a_function_that_died_says_of_what(
    projector: Projector, calls: Calls, said: Any, cause: str
) -> None:
    calls.answer(_payload(said, FunctionError="Unhandled"))

    with pytest.raises(ProjectorDied) as died:
        projector.project(["a"], "run")

    assert str(died.value) == cause
    assert len(calls.parameters) == 1


@pytest.mark.parametrize("answer", [None, {}, {"images": "no"}, []])
def test_an_answer_that_is_none_is_a_death_too(
    projector: Projector, calls: Calls, answer: Any
) -> None:
    calls.answer(_payload(answer))

    with pytest.raises(ProjectorDied, match="no answer of the form"):
        projector.project(["a"], "run")


def test_no_answer_in_time_is_a_death_and_the_work_is_not_done_twice(
    projector: Projector, calls: Calls
) -> None:
    calls.lose(ReadTimeoutError(endpoint_url="lambda"))

    with pytest.raises(ProjectorDied, match="no answer within 40 s"):
        projector.project(["a"], "run")

    assert len(calls.parameters) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TooManyRequestsException", 429),
        ("ServiceException", 500),
        ("EC2ThrottledException", 502),
        ("ResourceConflictException", 409),
    ],
)
def test_a_call_that_lambda_does_not_start_now_is_tried_again(
    projector: Projector, calls: Calls, code: str, status: int
) -> None:
    calls.refuse(code, status)
    calls.answer(_payload(ANSWER.to_event()))

    assert projector.project(["a", "b"], "run") == ANSWER


@pytest.mark.parametrize(
    "error", [ConnectTimeoutError(endpoint_url="x"), EndpointConnectionError(endpoint_url="x")]
)
def test_a_call_that_finds_no_connection_is_tried_again(
    projector: Projector, calls: Calls, error: Exception
) -> None:
    calls.lose(error)
    calls.answer(_payload(ANSWER.to_event()))

    assert projector.project(["a", "b"], "run") == ANSWER


def test_a_call_is_not_tried_again_for_ever(client: "LambdaClient", calls: Calls) -> None:
    calls.refuse("TooManyRequestsException", 429, times=100)

    with pytest.raises(StoreUnavailable, match="TooManyRequests"):
        LambdaProjector(client, "projection", patience_seconds=0.05).project(["a"], "run")


@pytest.mark.parametrize(
    ("code", "status"), [("ResourceNotFoundException", 404), ("AccessDeniedException", 403)]
)
def test_a_call_that_can_never_succeed_is_not_tried_again(
    projector: Projector, calls: Calls, code: str, status: int
) -> None:
    calls.refuse(code, status)

    with pytest.raises(StoreUnavailable, match=code):
        projector.project(["a"], "run")

    assert len(calls.parameters) == 1


def test_the_client_waits_longer_than_the_function_runs_and_never_repeats_a_call(
    client: "LambdaClient",
) -> None:
    config: Any = client.meta.config

    assert READ_SECONDS > 30
    assert config.read_timeout == READ_SECONDS
    assert config.retries["total_max_attempts"] == 1
    assert config.max_pool_connections == 4
