"""The image-projection lambda, as batch-index calls it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from reindex.domain.failures import ProjectorDied, StoreUnavailable
from reindex.domain.projections import ProjectionAnswer
from reindex.stores.aws import NO_ANSWER, backoff, client_config, error_code, unavailable
from reindex.time_limit import TimeLimit

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

#: Seconds to wait for an answer: the function's time-out is 30, and a cold start precedes it.
READ_SECONDS = 40.0

#: Seconds for which a call that Lambda did not start is retried.
PATIENCE_SECONDS = 15.0

_SERVICE = "Lambda"

#: 409 while the function is being updated, 429 for throttles of any kind, 5xx for itself.
_LATER = {409, 429}
_SERVER_ERROR = 500


Reader = Callable[[Any, Sequence[str], str], ProjectionAnswer]
"""Parses a function's answer, given the requested ids and the run."""


def _own_answer(event: Any, ids: Sequence[str], run_id: str) -> ProjectionAnswer:  # noqa: ARG001
    return ProjectionAnswer.from_event(event, ids)


def projector_config(concurrency: int) -> Config:
    """Return the configuration of the client for a :class:`LambdaProjector`.

    Args:
        concurrency: Concurrent calls.
    """
    # No retry by botocore: after a read time-out, the function would do the same work twice.
    return client_config(max_pool_connections=concurrency, read_timeout=READ_SECONDS, attempts=1)


class LambdaProjector:
    """The image-projection lambda, called synchronously; safe to use from several threads.

    Args:
        client: Of Lambda, made with :func:`projector_config`.
        function_name: Of the lambda.
        patience_seconds: Time for which a call that Lambda did not start is retried.
        time_limit: No call begins that could end after it.
        read: Parses an answer, given the requested ids and the run; raises ValueError for one of
            another form. By default, answers have the form of our own function.
    """

    def __init__(
        self,
        client: LambdaClient,
        function_name: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        time_limit: TimeLimit | None = None,
        read: Reader | None = None,
    ) -> None:
        self._read = read or _own_answer
        self._client = client
        self._function_name = function_name
        self._patience_seconds = patience_seconds
        self._time_limit = time_limit or TimeLimit()

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        """Have documents built.

        Args:
            ids: At most 100.
            run_id: For the documents' provenance.
            misfits: Fields of the index whose mapping may reject ours.

        Raises:
            ProjectorDied: The lambda failed on this batch, for lack of memory or time or with an
                exception, or its answer was too large or invalid; the message says which.
            StoreUnavailable: Lambda did not start it.
        """
        extra = {"misfits": dict(misfits)} if misfits else {}
        event = json.dumps({"ids": list(ids), "run_id": run_id, **extra}).encode()
        function_error, text = self._invoke(event)
        if function_error:
            raise ProjectorDied(_cause(function_error, text))
        try:
            return self._read(json.loads(text), ids, run_id)
        except (ValueError, RecursionError) as error:
            raise ProjectorDied(
                f"no answer of the form it must have: {type(error).__name__}: {error}"
            ) from error

    def _invoke(self, event: bytes) -> tuple[str | None, str]:
        """Return Lambda's ``FunctionError``, if any, and the text of the answer."""
        problem: Exception | None = None
        patience = self._time_limit.at_most(self._patience_seconds + READ_SECONDS) - READ_SECONDS
        if patience < 0:
            raise StoreUnavailable(f"{_SERVICE}: no time is left to wait for a projection")
        with unavailable(_SERVICE):
            for _ in backoff(patience, first=0.2):
                try:
                    answer = self._client.invoke(FunctionName=self._function_name, Payload=event)
                    return answer.get("FunctionError"), answer["Payload"].read().decode()
                except ReadTimeoutError as error:
                    raise ProjectorDied(f"no answer within {READ_SECONDS:.0f} s") from error
                except NO_ANSWER as error:
                    # No connection, or one that was lost. Projecting twice changes nothing.
                    problem = error
                except ClientError as error:
                    if not _may_pass(error):
                        raise
                    problem = error
        raise StoreUnavailable(f"{_SERVICE}: not started: {problem}") from problem


def _may_pass(error: ClientError) -> bool:
    """Return True if a call that failed with this error may succeed in a retry."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    throttled = error_code(error) == "TooManyRequestsException"
    return throttled or status in _LATER or status >= _SERVER_ERROR


def _cause(function_error: str, text: str) -> str:
    """Return the error's type and message, from Lambda's answer for a failed function."""
    try:
        said: Any = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, Mapping):
        return f"{function_error}: {text[:200]}"
    kind = said.get("errorType", function_error)
    return f"{kind}: {said.get('errorMessage', '')}"
