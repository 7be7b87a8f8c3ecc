"""What the stores over AWS services share: their patience, and one name for its end."""

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

#: Errors that pass, by the names services give them in an answer's parts; as the error of a
#: whole call, some end in ``Exception``.
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


#: What our calls name as their sender. botocore's own, longer, is put together anew twice for
#: each call, and projecting an image is calls for the most part: ``tests.bench.projecting``.
USER_AGENT = f"image-reindex botocore/{botocore.__version__}"


def client_config(
    *, max_pool_connections: int = 10, read_timeout: float = 6, attempts: int = 3
) -> Config:
    """How a client calls its service.

    Args:
        max_pool_connections: Calls that may be in flight at once; one more would wait, and be
            given a connection that is thrown away after use.
        read_timeout: Seconds without a byte after which a call has failed. A call that waits
            on the service by design (a synchronous invocation) needs more.
        attempts: How often a call is made in all, when the service throttles it, breaks or
            does not answer. 1 for calls that must not be made twice.
    """
    return Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        max_pool_connections=max_pool_connections,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
        user_agent=USER_AGENT,
    )


#: No connection, none any more, or an answer that broke off: of the last, botocore lets
#: urllib3's own exception through, and does not try again.
NO_ANSWER = (HTTPClientError, ConnectionError, HTTPError)

#: For a client whose calls are short, repeatable and made one or a few at a time.
CLIENT_CONFIG = client_config()


def error_code(error: ClientError) -> str:
    """Return the service's own name of an error, such as ``ResourceNotFoundException``."""
    return error.response.get("Error", {}).get("Code", "Unknown")


@contextmanager
def unavailable(service: str) -> Iterator[None]:
    """Turn what botocore raises, once its retries are spent, into our one failure.

    A store catches the codes that are answers (a failed condition, an absent key) inside.

    Args:
        service: Its name for people.

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
    """Get an object, and read its body; a second time if the connection breaks midway.

    botocore's own retries end where the body begins.

    Args:
        get: Asks for the object.
    """
    try:
        answer = get()
        return answer, answer["Body"].read()
    except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
        answer = get()
        return answer, answer["Body"].read()


def backoff(seconds: float, *, first: float = 0.05, longest: float = 2.0) -> Iterator[int]:
    """Count attempts from 0, with a growing pause of random length before each but the first.

    The pauses are random from zero up ("full jitter"), so that workers throttled together
    do not come back together.

    Args:
        seconds: No attempt starts later than this after the first, which is always made.
        first: Longest pause, in seconds, before the second attempt; doubles with each further.
        longest: Longest pause of all, in seconds.
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
    """Return True if botocore made a call more than once before it had this answer, or this error.

    If so, an attempt before may have landed and only its answer been lost: then a condition
    that our own write broke looks as if somebody else had been here.
    """
    return bool(response["ResponseMetadata"].get("RetryAttempts", 0))


def persist(attempt: Callable[[int], str | None], *, seconds: float, service: str) -> None:
    """Attempt something until nothing of it is left to do.

    For what botocore cannot retry: the throttled part of an answer that as a whole succeeded.
    An attempt that botocore itself gave up, for a throttle or a lost connection, counts as
    one with everything left.

    Args:
        attempt: Given its number, from 0, it returns what stood in its way; None when it is
            done. It remembers by itself what is left.
        seconds: No attempt starts later than this.
        service: Its name for people.

    Raises:
        StoreUnavailable: It was not done in time.
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
