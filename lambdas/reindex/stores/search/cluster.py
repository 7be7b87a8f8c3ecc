"""Requests to the search cluster, and what its refusals mean, whichever server it runs.

Elasticsearch and OpenSearch share one HTTP API. What differs between them is a
:class:`Client`'s: the library that sends the requests, and points in time.
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

#: Seconds a request may take. Longer than the server's own patience with a bulk (1 min by
#: default, for a shard to come back) would only hold a worker that can do nothing else.
REQUEST_SECONDS = 30.0

#: How often a request that only reads is sent at most.
_READS = 3

#: Seconds without which a request is not begun.
_LEAST_SECONDS = 1.0

#: Answers of a proxy or of a node that is shutting down: the next node may know better.
_ASK_ANOTHER_NODE = (
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)

_COME_BACK_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

#: Errors that concern the index as a whole, whichever document was read or written.
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
            body: As JSON; whatever else it is says nothing.
            text: For people, where the body names no error.
        """
        problem = body.get("error") if isinstance(body, Mapping) else None
        if isinstance(problem, Mapping) and "type" in problem:
            self.kind, text = str(problem["type"]), reason(problem)
        else:
            self.kind = ""
        super().__init__(f"[{status}] {text}")
        self.status = status


class Forbidden(IndexMisconfigured):
    """The cluster knows who asks, and does not allow it."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    Attributes:
        method: Such as ``GET``.
        path: Quoted.
        params: Of the query string.
        body: An object for JSON, or the lines of a bulk as they are sent.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | bytes | None = None


@dataclass(frozen=True, slots=True)
class PointInTimeApi:
    """How a server keeps an index as it is, for paged reads.

    Attributes:
        open_path: What follows the index in the path that opens one.
        open_params: Of that request.
        close_path: Where one is closed.
        id_field: The name of its id in the answer that opens one.
        sort: A field that orders the documents of one point in time totally.
        by_shard: That order holds within a shard only, so each shard is paged through alone.
        closing: Returns the body that closes the one with an id.
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
        """How the server keeps an index as it is."""
        ...

    def perform(self, request: Request, seconds: float) -> Any:
        """Send a request, and return its answer's JSON.

        Raises:
            Unanswered: No answer within so many seconds.
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
    """Return the path of some parts, each quoted."""
    return "".join(f"/{quote(part, safe=',')}" for part in parts)


class SearchCluster:
    """Sends requests to the cluster.

    Args:
        find: Returns the client; called before the first request.
        time_limit: No request outlives it.
        request_seconds: How long one request may take.
        read_pauses: Seconds before each further time that a request which only reads is sent when
            the cluster is busy or silent: for commands that read for hours.

    Attributes:
        credentials_rejected: The cluster has answered once that it does not know our credentials.
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
        """How the server keeps an index as it is.

        Raises:
            IndexMisconfigured: It is no server that we know.
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

        A bulk that was in fact written would, sent again, conflict with its own guards.

        Raises:
            Refusal: The cluster refuses what it was asked for (most of 4xx).
            IndexMisconfigured: It refuses us, or the index does not exist or is closed.
            StoreUnavailable: It does not answer, or says to come back later.
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
        """Send a request that only reads: again, to the next node, if one is silent.

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
        """Turn refusals and silence into our failures, but for refusals of what was asked."""
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
    """Return the failure that an error of that type means, where it is not the request's own."""
    match kind:
        case "index_not_found_exception":
            return IndexGone(f"The cluster: {text}")
        case _ if kind in UNUSABLE:
            return IndexMisconfigured(f"The cluster: {text}")
        case _:
            return StoreUnavailable(f"The cluster: {text}")
