"""How long an invocation may still wait: no store waits longer."""

from __future__ import annotations

import time
from typing import Any

import pytest

from reindex.domain.failures import StoreUnavailable
from reindex.stores.progress_table import DynamoProgressTable
from reindex.stores.projector import READ_SECONDS, LambdaProjector
from reindex.stores.search.cluster import REQUEST_SECONDS, Request, SearchCluster, Unanswered
from reindex.stores.search.elasticsearch import ElasticsearchClient
from reindex.stores.search.index import SearchIndex
from reindex.time_limit import TimeLimit
from tests.unit.aws import SESSION, Calls


class Silent:
    """A client that remembers how long each request was allowed to take, and answers none."""

    point_in_time = ElasticsearchClient.point_in_time

    def __init__(self, *, timed_out: bool = True) -> None:
        self.allowed: list[float] = []
        self._timed_out = timed_out

    def perform(self, _request: Request, seconds: float) -> Any:
        self.allowed.append(seconds)
        raise Unanswered("no answer", timed_out=self._timed_out)

    def close(self) -> None:
        """There is nothing to close."""

    def index(self, left: float) -> SearchIndex:
        return SearchIndex(SearchCluster(lambda: self, time_limit=limited(left)))


def limited(seconds: float) -> TimeLimit:
    limit = TimeLimit()
    limit.start(seconds)
    return limit


def test_without_an_invocation_there_is_no_limit() -> None:
    limit = TimeLimit()

    assert limit.left() == float("inf")
    assert limit.at_most(20) == 20


def test_time_passes_and_is_never_negative() -> None:
    limit = limited(10)

    assert 9 < limit.left() <= 10
    assert limit.at_most(4) == 4
    assert limited(-1).left() == 0


@pytest.mark.parametrize(("left", "longest"), [(1_000.0, REQUEST_SECONDS), (12.0, 4.0)])
def test_a_request_to_the_index_takes_no_longer_than_is_left(left: float, longest: float) -> None:
    client = Silent()

    with pytest.raises(StoreUnavailable):
        client.index(left).read("images-000001", ["a"], [])

    # What only reads may be sent three times in all.
    assert [round(seconds) for seconds in client.allowed] == [longest]


def test_what_only_reads_is_sent_again_where_no_connection_was_had() -> None:
    client = Silent(timed_out=False)

    with pytest.raises(StoreUnavailable):
        client.index(1_000).read("images-000001", ["a"], [])

    assert len(client.allowed) == 3


def test_no_request_is_begun_without_time() -> None:
    client = Silent()
    index = client.index(0.5)

    with pytest.raises(StoreUnavailable, match="no time is left"):
        index.read("images-000001", ["a"], [])
    with pytest.raises(StoreUnavailable, match="no time is left"):
        index.uuid("images-000001")

    assert not client.allowed


def test_no_projection_is_begun_that_could_outlive_its_invocation() -> None:
    client = SESSION.client("lambda")
    calls = Calls(client, "Invoke")
    projector = LambdaProjector(client, "projection", time_limit=limited(READ_SECONDS - 1))

    with pytest.raises(StoreUnavailable, match="no time is left"):
        projector.project(["a"], "run-1")

    assert not calls.parameters


def test_the_table_gives_up_when_the_time_is_up() -> None:
    client = SESSION.client("dynamodb")
    calls = Calls(client, "BatchGetItem")
    for _ in range(100):
        calls.answer(
            {
                "Responses": {},
                "UnprocessedKeys": {"rows": {"Keys": [{"id": {"S": "a"}}]}},
                "ResponseMetadata": {"HTTPStatusCode": 200},
            }
        )
    table = DynamoProgressTable(client, "rows", time_limit=limited(0.2))

    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="given up"):
        table.read(["a"])

    assert time.monotonic() - began < 2
