"""How long an invocation may still wait: no store waits longer."""

from __future__ import annotations

import time

import pytest
from elastic_transport import ConnectionTimeout
from elasticsearch import Elasticsearch

from reindex.domain.failures import StoreUnavailable
from reindex.stores.progress_table import DynamoProgressTable
from reindex.stores.projector import READ_SECONDS, LambdaProjector
from reindex.stores.search.connecting import REQUEST_SECONDS
from reindex.stores.search.index import ElasticsearchIndex
from reindex.time_limit import TimeLimit
from tests.unit.aws import SESSION, Calls


class Asked:
    """A transport that remembers how long each request was allowed to take, and answers none."""

    def __init__(self, client: Elasticsearch) -> None:
        self.timeouts: list[float] = []
        client.transport.perform_request = self._perform  # type: ignore[method-assign, assignment]

    def _perform(self, *_: object, **options: object) -> None:
        self.timeouts.append(float(str(options["request_timeout"])))
        raise ConnectionTimeout("no answer")


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


def _client() -> Elasticsearch:
    return Elasticsearch("http://127.0.0.1:1", request_timeout=REQUEST_SECONDS, max_retries=0)


@pytest.mark.parametrize(("left", "longest"), [(1_000.0, REQUEST_SECONDS), (12.0, 4.0)])
def test_a_request_to_the_index_takes_no_longer_than_is_left(left: float, longest: float) -> None:
    client = _client()
    asked = Asked(client)
    index = ElasticsearchIndex(client, time_limit=limited(left))

    with pytest.raises(StoreUnavailable):
        index.read("images-000001", ["a"], [])

    # What is only read may be asked for three times in all.
    assert [round(seconds) for seconds in asked.timeouts] == [longest]


def test_no_request_is_begun_without_time() -> None:
    client = _client()
    asked = Asked(client)
    index = ElasticsearchIndex(client, time_limit=limited(0.5))

    with pytest.raises(StoreUnavailable, match="no time is left"):
        index.read("images-000001", ["a"], [])
    with pytest.raises(StoreUnavailable, match="no time is left"):
        index.uuid("images-000001")

    assert not asked.timeouts


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
