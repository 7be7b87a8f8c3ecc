"""Requests to the search cluster, and the meaning of its errors, for both servers.

Elasticsearch and OpenSearch share one HTTP API. A :class:`Client` hides what differs: the library
that sends the requests, and the API for points in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Protocol, Self
from urllib.parse import quote

from reindex.domain.failures import (
    CredentialsRejected,
    IndexGone,
    IndexMisconfigured,
    StoreUnavailable,
)
from reindex.time_limit import TimeLimit

#: Time-out of a request, in seconds. The server itself waits for up to 1 min by default for a shard
#: to come back; a worker should not wait as long.
REQUEST_SECONDS = 30.0

#: Most attempts of a request that only reads.
_READS = 3

#: Time left below which no request is sent, in seconds.
_LEAST_SECONDS = 1.0

#: Answers of a proxy or of a node that is shutting down: another node may succeed.
_ASK_ANOTHER_NODE = (
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)

_COME_BACK_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

#: Types of errors about the index as a whole, not about a document.
UNUSABLE = {
    "index_not_found_exception",
    "index_closed_exception",
    "routing_missing_exception",
}


class Unanswered(Exception):
    """No answer came: the connection failed, or the answer took too long."""

    def __init__(self, text: str, *, timed_out: bool = False) -> None:
        super().__init__(text)
        self.timed_out = timed_out


class Refusal(Exception):
    """The cluster answered with an error.

    Attributes:
        status: HTTP status.
        kind: The error's ``type``; empty when the answer has none.
    """

    def __init__(self, status: int, body: object, text: str) -> None:
        """Read an answer.

        Args:
            status: HTTP status.
            body: The parsed JSON; anything else is ignored.
            text: The message, if the body has no error.
        """
        problem = body.get("error") if isinstance(body, Mapping) else None
        if isinstance(problem, Mapping) and "type" in problem:
            self.kind, text = str(problem["type"]), reason(problem)
        else:
            self.kind = ""
        super().__init__(f"[{status}] {text}")
        self.status = status


class Forbidden(IndexMisconfigured):
    """The credentials are valid, and do not allow the request."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    Attributes:
        method: Such as ``GET``.
        path: URL-encoded.
        params: Of the query string.
        body: An object to send as JSON, or the lines of a bulk.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | bytes | None = None


@dataclass(frozen=True, slots=True)
class PointInTimeApi:
    """A server's API for points in time: snapshots of an index for paged reads.

    Attributes:
        open_path: Last part of the path of the request that opens one, after the index.
        open_params: Parameters of that request.
        close_path: Path of the request that closes one.
        id_field: Field with its id, in the answer to the request that opens one.
        sort: A field that is unique among the documents of one point in time.
        by_shard: True if it is unique only within a shard, so that each shard is paged alone.
        closing: Returns the body of the request that closes one, given its id.
    """

    open_path: str
    open_params: Mapping[str, str]
    close_path: str
    id_field: str
    sort: str
    by_shard: bool
    closing: Callable[[str], Mapping[str, Any]]


class Client(Protocol):
    """A server's own client library. It sends each request once."""

    @property
    def point_in_time(self) -> PointInTimeApi:
        """The server's API for points in time."""
        ...

    def perform(self, request: Request, seconds: float) -> Any:
        """Send a request, and return its answer's JSON.

        Raises:
            Unanswered: There is no answer within the time-out.
            Refusal: The answer's status is not 2xx.
            IndexMisconfigured: Another product answered.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def reason(error: Mapping[str, Any]) -> str:
    """Return an error as text, with its cause: ``type: reason (type: reason)``."""
    text = f"{error['type']}: {error.get('reason', '')}"
    cause = error.get("caused_by")
    return f"{text} ({reason(cause)})" if cause else text


def path(*parts: str) -> str:
    """Return the path of some parts, each URL-encoded."""
    return "".join(f"/{quote(part, safe=',')}" for part in parts)


class SearchCluster:
    """Sends requests to the cluster.

    Args:
        find: Returns the client; called before the first request.
        time_limit: Of the invocation; no request takes longer.
        request_seconds: Time-out of one request.
        read_pauses: Seconds before each additional retry of a request that only reads, if the
            cluster is overloaded or does not answer: for commands that read for hours.

    Attributes:
        credentials_rejected: True if the cluster has rejected our credentials.
    """

    def __init__(
        self,
        find: Callable[[], Client],
        *,
        time_limit: TimeLimit | None = None,
        request_seconds: float = REQUEST_SECONDS,
        read_pauses: Sequence[float] = (),
    ) -> None:
        self._find = find
        self._time_limit = time_limit or TimeLimit()
        self._request_seconds = request_seconds
        self._read_pauses = read_pauses
        self.credentials_rejected = False

    @cached_property
    def _client(self) -> Client:
        return self._find()

    @property
    def point_in_time(self) -> PointInTimeApi:
        """The server's API for points in time.

        Raises:
            IndexMisconfigured: The server is not supported.
            StoreUnavailable: The cluster does not answer.
        """
        with self._answering():
            return self._client.point_in_time

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | bytes | None = None,
    ) -> Any:
        """Send a request once, and return its answer's JSON.

        There is no retry: a bulk that was executed would conflict with its own guards.

        Raises:
            Refusal: The cluster rejects the request (most of 4xx).
            IndexMisconfigured: It denies access, or the index does not exist or is closed.
            StoreUnavailable: It does not answer, or is overloaded.
        """
        with self._answering():
            seconds = min(self._request_seconds, self._seconds_left())
            return self._client.perform(Request(method, path, params or {}, body), seconds)

    def read(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send a request that only reads; retry it on the next node if one does not answer.

        Raises:
            Refusal: As in :meth:`send`.
            IndexMisconfigured: As in :meth:`send`.
            StoreUnavailable: As in :meth:`send`.
        """
        request = Request(method, path, params or {}, body)
        for pause in self._read_pauses:
            try:
                return self._read(request)
            except StoreUnavailable:
                time.sleep(pause)
        return self._read(request)

    def _read(self, request: Request) -> Any:
        with self._answering():
            seconds = min(self._request_seconds, self._seconds_left() / _READS)
            for _ in range(_READS - 1):
                try:
                    return self._client.perform(request, seconds)
                except Unanswered as error:
                    if error.timed_out:
                        raise
                except Refusal as error:
                    if error.status not in _ASK_ANOTHER_NODE:
                        raise
            return self._client.perform(request, seconds)

    def close(self) -> None:
        """Close the connections, if there are any."""
        if "_client" in self.__dict__:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _seconds_left(self) -> float:
        left = self._time_limit.left()
        if left < _LEAST_SECONDS:
            raise StoreUnavailable("The cluster: no time is left to ask it.")
        return left

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Convert errors and time-outs to failures, except errors about the request itself."""
        try:
            yield
        except Unanswered as error:
            raise StoreUnavailable(f"The cluster does not answer: {error}") from error
        except Refusal as error:
            match error.status:
                case HTTPStatus.UNAUTHORIZED:
                    self.credentials_rejected = True
                    raise CredentialsRejected(f"The cluster refuses us: {error}") from error
                case HTTPStatus.FORBIDDEN:
                    raise Forbidden(f"The cluster refuses us: {error}") from error
                case _ if error.kind in UNUSABLE:
                    raise unusable(error.kind, str(error)) from error
                case status if (
                    status in _COME_BACK_LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR
                ):
                    raise StoreUnavailable(f"The cluster: {error}") from error
                case _:
                    raise


def unusable(kind: str, text: str) -> Exception:
    """Return the failure for a type of error that is not about the request itself."""
    match kind:
        case "index_not_found_exception":
            return IndexGone(f"The cluster: {text}")
        case _ if kind in UNUSABLE:
            return IndexMisconfigured(f"The cluster: {text}")
        case _:
            return StoreUnavailable(f"The cluster: {text}")
