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

#: Documents may be nested a thousand deep. Python gives up reading an answer that is nested as deep
#: as its recursion limit, by default a thousand too, with all documents that are in it. Recursion
#: of this depth fits a thread's smallest usual stack, 512 KB.
_RECURSION_LIMIT = 2_500

#: Seconds that the question may take which server it is.
_ASKING_SECONDS = 10.0


def connect(
    place: settings.Elasticsearch,
    secret: Mapping[str, str] | None,
    *,
    time_limit: TimeLimit | None = None,
    request_seconds: float = REQUEST_SECONDS,
    read_pauses: Sequence[float] = (),
) -> SearchCluster:
    """Prepare to ask the cluster; nothing is sent yet.

    The recursion limit of the whole process is raised, so that an answer can be read however deep
    its documents are nested.

    Args:
        place: Where the cluster is; without an engine, the cluster is asked which it is.
        secret: As for :func:`reindex.stores.search.access.access`.
        time_limit: No request outlives it.
        request_seconds: How long one request may take.
        read_pauses: As for :class:`reindex.stores.search.cluster.SearchCluster`.

    Raises:
        IndexMisconfigured: As for :func:`reindex.stores.search.access.access`.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
    find = partial(_client, access(place, secret), place.index_engine)
    return SearchCluster(
        find, time_limit=time_limit, request_seconds=request_seconds, read_pauses=read_pauses
    )


def _client(where: Access, engine: Engine | None) -> Client:
    """Return the client of the server.

    Raises:
        Unanswered: The cluster was asked which server it is, and did not answer.
        Refusal: It was asked, and does not let us ask.
        IndexMisconfigured: It is neither of those that we know.
    """
    is_said = engine is not None
    if where.signing_region:
        # Only Amazon OpenSearch Service takes signatures.
        engine, is_said = Engine.OPENSEARCH, True
    # Either library is loaded when it is needed: it takes a good part of a function's start.
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
    """Check what Elasticsearch's library checks by itself: that the server is what it should be.

    Raises:
        Unanswered: The cluster does not answer.
        IndexMisconfigured: It is another server.
    """
    try:
        body = client.perform(Request("GET", "/"), _ASKING_SECONDS)
    except Refusal as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        # Who may not ask for it (cluster:monitor/main) is told by the stage alone.
        return
    if _distribution(body) != "opensearch":
        raise IndexMisconfigured(f"The cluster is no OpenSearch: it says of itself {body}")


def _distribution(body: object) -> object:
    version = body.get("version") if isinstance(body, dict) else None
    return version.get("distribution") if isinstance(version, dict) else None


def _ask(where: Access) -> Engine:
    """Ask the first node that answers which server it is.

    Raises:
        Unanswered: No node answers.
        Refusal: The question is refused.
        IndexMisconfigured: It is neither of those that we know.
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
    # In every answer, of an error too.
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
