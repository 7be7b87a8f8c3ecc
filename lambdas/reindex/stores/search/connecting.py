"""Connecting to the cluster, with the client library of the server that it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError

from reindex import settings
from reindex.domain.failures import IndexMisconfigured
from reindex.settings import Engine
from reindex.stores.search.access import Access, access
from reindex.stores.search.cluster import (
    REQUEST_SECONDS,
    Client,
    Refusal,
    Request,
    SearchCluster,
    Unanswered,
)
from reindex.time_limit import TimeLimit

#: Documents may be nested a thousand deep. Python's JSON parser fails for a whole answer if it is
#: nested deeper than the recursion limit, which is a thousand by default. Recursion of this depth
#: fits the smallest usual stack of a thread, 512 KB.
_RECURSION_LIMIT = 2_500

#: Time-out of the request that detects the server, in seconds.
_ASKING_SECONDS = 10.0


def connect(
    place: settings.Cluster,
    secret: Mapping[str, str] | None,
    *,
    time_limit: TimeLimit | None = None,
    request_seconds: float = REQUEST_SECONDS,
    read_pauses: Sequence[float] = (),
) -> SearchCluster:
    """Return a connection to the cluster, without sending a request.

    This raises the recursion limit of the whole process, so that answers with deeply nested
    documents can be parsed.

    Args:
        place: The settings; without an engine, the server is detected at the first request.
        secret: As for :func:`reindex.stores.search.access.access`.
        time_limit: Of the invocation; no request takes longer.
        request_seconds: Time-out of one request.
        read_pauses: As for :class:`reindex.stores.search.cluster.SearchCluster`.

    Raises:
        IndexMisconfigured: As for :func:`reindex.stores.search.access.access`.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
    find = partial(_client, access(place, secret), place.engine)
    return SearchCluster(
        find, time_limit=time_limit, request_seconds=request_seconds, read_pauses=read_pauses
    )


def _client(where: Access, engine: Engine | None) -> Client:
    """Return the client of the server.

    Raises:
        Unanswered: The server had to be detected, and did not answer.
        Refusal: The server had to be detected, and denied the request.
        IndexMisconfigured: The server is not supported.
    """
    is_said = engine is not None
    if where.signing_region:
        # Only Amazon OpenSearch Service accepts signed requests.
        engine, is_said = Engine.OPENSEARCH, True
    # Imported when needed: either library takes a large part of a function's cold start.
    match engine or _ask(where):
        case Engine.ELASTICSEARCH:
            from reindex.stores.search.elasticsearch import ElasticsearchClient  # noqa: PLC0415

            return ElasticsearchClient(where)
        case Engine.OPENSEARCH:
            from reindex.stores.search.opensearch import OpenSearchClient  # noqa: PLC0415

            client = OpenSearchClient(where)
            if is_said:
                _require_opensearch(client)
            return client


def _require_opensearch(client: Client) -> None:
    """Check that the server is OpenSearch; Elasticsearch's library makes this check by itself.

    Raises:
        Unanswered: The cluster does not answer.
        IndexMisconfigured: It is another server.
    """
    try:
        body = client.perform(Request("GET", "/"), _ASKING_SECONDS)
    except Refusal as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        # Without the permission cluster:monitor/main, the stage's setting is trusted.
        return
    if _distribution(body) != "opensearch":
        raise IndexMisconfigured(f"The cluster is no OpenSearch: it says of itself {body}")


def _distribution(body: object) -> object:
    version = body.get("version") if isinstance(body, dict) else None
    return version.get("distribution") if isinstance(version, dict) else None


def _ask(where: Access) -> Engine:
    """Detect the server, from the first node that answers.

    Raises:
        Unanswered: No node answers.
        Refusal: The request is denied.
        IndexMisconfigured: The server is not supported.
    """
    headers = {"authorization": where.authorization} if where.authorization else {}
    silence = ""
    with urllib3.PoolManager(ssl_context=where.trust) as pool:
        for url in where.urls:
            try:
                answer = pool.request(
                    "GET", f"{url}/", headers=headers, timeout=_ASKING_SECONDS, retries=False
                )
            except HTTPError as error:
                silence = str(error)
                continue
            return _engine(answer)
    raise Unanswered(silence)


def _engine(answer: urllib3.BaseHTTPResponse) -> Engine:
    # Elasticsearch sends this header with every answer, errors included.
    if answer.headers.get("X-Elastic-Product") == "Elasticsearch":
        return Engine.ELASTICSEARCH
    try:
        body = answer.json()
    except ValueError:
        body = None
    if _distribution(body) == "opensearch":
        return Engine.OPENSEARCH
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise Refusal(
            answer.status,
            body,
            f"asked which server it is, it answered {answer.status}; index.engine may say it",
        )
    raise IndexMisconfigured(
        "The cluster is neither Elasticsearch 8 or later nor OpenSearch: "
        f"it says of itself {body or 'nothing'}"
    )
