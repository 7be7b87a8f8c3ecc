"""Retries and errors of the stores on AWS services."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import botocore
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from urllib3.exceptions import HTTPError

from reindex.domain.failures import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

#: Codes of transient errors, as parts of an answer name them; as the error of a whole call, some
#: end in ``Exception``.
TRANSIENT = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "LimitExceeded",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingError",
        "TooManyRequests",
        "TransactionConflict",
    }
)


#: Our user agent. botocore would build its own one twice for each call, and most of the time
#: of a projection is spent in calls: see ``tests.bench.projecting``.
USER_AGENT = f"image-reindex botocore/{botocore.__version__}"


def client_config(
    *, max_pool_connections: int = 10, read_timeout: float = 6, attempts: int = 3
) -> Config:
    """Return the time-outs, retries and connections of a client.

    Args:
        max_pool_connections: Most concurrent calls. A further one would use a connection that is
            closed after the call.
        read_timeout: Seconds without a byte after which a call fails. A call that waits for the
            service by design (a synchronous invocation) needs more.
        attempts: Most attempts of a call that the service throttles, fails or does not answer. 1
            for calls that must not be made twice.
    """
    return Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        max_pool_connections=max_pool_connections,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
        user_agent=USER_AGENT,
    )


#: There was no connection, it was lost, or the answer broke off. In the last case botocore raises
#: urllib3's own exception, without a retry.
NO_ANSWER = (HTTPClientError, ConnectionError, HTTPError)

#: For a client whose calls are short, repeatable and seldom concurrent.
CLIENT_CONFIG = client_config()


def error_code(error: ClientError) -> str:
    """Return the service's own name of an error, such as ``ResourceNotFoundException``."""
    return error.response.get("Error", {}).get("Code", "Unknown")


@contextmanager
def unavailable(service: str) -> Iterator[None]:
    """Convert the exceptions that botocore raises after its retries to ``StoreUnavailable``.

    Codes that are results (a failed condition, an absent key) must be caught inside the block.

    Args:
        service: Its name in messages.

    Raises:
        StoreUnavailable: Names the service, the operation and the error.
    """
    try:
        yield
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message", "")
        problem = f"{service}: {error.operation_name}: {error_code(error)}: {message}"
        raise StoreUnavailable(problem) from error
    except (BotoCoreError, HTTPError) as error:
        raise StoreUnavailable(f"{service}: {type(error).__name__}: {error}") from error


def with_body(get: Callable[[], GetObjectOutputTypeDef]) -> tuple[GetObjectOutputTypeDef, bytes]:
    """Get an object and read its body; retry once if the connection breaks in the body.

    botocore's own retries do not include the body.

    Args:
        get: Requests the object.
    """
    try:
        answer = get()
        return answer, answer["Body"].read()
    except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
        answer = get()
        return answer, answer["Body"].read()


def backoff(seconds: float, *, first: float = 0.05, longest: float = 2.0) -> Iterator[int]:
    """Yield the number of each attempt, from 0, after an exponentially growing random pause.

    A pause is random from zero up ("full jitter"), so that workers that were throttled at the same
    time do not retry at the same time.

    Args:
        seconds: Time after which no attempt starts; the first is always made.
        first: Longest pause before the second attempt, in seconds; doubles for each further one.
        longest: Upper limit of a pause, in seconds.
    """
    end = time.monotonic() + seconds
    ceiling = first
    for attempt in itertools.count():
        yield attempt
        pause = random.uniform(0, ceiling)  # noqa: S311 - spreads load, hides nothing
        if time.monotonic() + pause > end:
            return
        time.sleep(pause)
        ceiling = min(longest, 2 * ceiling)


def was_retried(response: Mapping[str, Any]) -> bool:
    """Return True if botocore sent a request more than once before this answer or error.

    Then an earlier attempt may have succeeded although its answer was lost. If so, a failed
    condition does not mean that another process changed the item: our own write may have.
    """
    return bool(response["ResponseMetadata"].get("RetryAttempts", 0))


def persist(attempt: Callable[[int], str | None], *, seconds: float, service: str) -> None:
    """Repeat a batch call until every entry of the batch succeeded.

    botocore does not retry the throttled entries of a call that succeeded as a whole. If the whole
    call failed for a throttle or a lost connection, all its entries are repeated.

    Args:
        attempt: Sends the entries that are left, and keeps track of them. Gets the number of the
            attempt, from 0. Returns the problem of an entry that failed; None if none did.
        seconds: Time after which no attempt starts.
        service: Its name in messages.

    Raises:
        StoreUnavailable: Entries are left when the time is over.
    """
    problem: str | None = None
    for number in backoff(seconds):
        try:
            problem = attempt(number)
        except ClientError as error:
            problem = error_code(error)
            if problem.removesuffix("Exception") not in TRANSIENT:
                raise
        except NO_ANSWER as error:
            problem = str(error)
        if problem is None:
            return
    raise StoreUnavailable(f"{service}: given up after {number + 1} attempts: {problem}")
