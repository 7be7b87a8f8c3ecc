"""The credentials of requests to the cluster, and the detection of its server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from reindex import settings
from reindex.domain.failures import IndexMisconfigured, StoreUnavailable
from reindex.settings import Engine
from reindex.stores.search.cluster import SearchCluster
from reindex.stores.search.connecting import connect
from reindex.stores.search.index import SearchIndex
from tests.local import loopback
from tests.unit.test_stores_search import Answer, FakeServer, serving

DOMAIN = "arn:aws:es:eu-west-1:111122223333:domain/images"
GREEN = Answer(body={"status": "green"}, headers={})
OPENSEARCH = Answer(
    body={"version": {"distribution": "opensearch", "number": "2.19.6"}}, headers={}
)
ELASTICSEARCH = Answer(body={"version": {"number": "8.19.21"}})


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        fake.answers_root = True
        yield fake


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")


def cluster(url: str, secret: dict[str, str] | None = None, **place: Any) -> SearchCluster:
    return connect(settings.Cluster(url, **place), secret)


class TestTheEngine:
    @pytest.mark.parametrize(
        ("said", "client"),
        [
            (OPENSEARCH, "opensearch-py"),
            (ELASTICSEARCH, "elasticsearch-py"),
            # One that does not let us ask, but is known by its header.
            (Answer(403, {"error": "no"}), "elasticsearch-py"),
        ],
    )
    def test_is_found_out_by_asking_once(
        self, server: FakeServer, said: Answer, client: str
    ) -> None:
        server.answers = [said, Answer(body={"status": "green"})]
        with cluster(server.url, {"username": "me", "password": "secret"}) as asked:
            for _ in range(2):
                assert SearchIndex(asked).health("images") == "green"

        assert [request.path.split("?")[0] for request in server.requests] == [
            "/",
            "/_cluster/health",
            "/_cluster/health",
        ]
        agents = [request.headers.get("user-agent", "") for request in server.requests[1:]]
        assert all(agent.startswith(client) for agent in agents)
        shown = {
            {name.lower(): value for name, value in request.headers.items()}["authorization"]
            for request in server.requests
        }
        assert shown == {"Basic bWU6c2VjcmV0"}

    def test_is_not_asked_for_when_the_stage_says_elasticsearch(self, server: FakeServer) -> None:
        server.answers = [Answer(body={"status": "green"})]
        with cluster(server.url, engine=Engine.ELASTICSEARCH) as asked:
            assert SearchIndex(asked).health("images") == "green"

        assert len(server.requests) == 1

    @pytest.mark.parametrize("said", [OPENSEARCH, Answer(403, {"message": "no"}, headers={})])
    def test_is_checked_when_the_stage_says_opensearch_if_we_may(
        self, server: FakeServer, said: Answer
    ) -> None:
        server.answers = [said, GREEN]
        with cluster(server.url, engine=Engine.OPENSEARCH) as asked:
            assert SearchIndex(asked).health("images") == "green"

    @pytest.mark.parametrize("place", [{"engine": Engine.OPENSEARCH}, {"domain": DOMAIN}])
    def test_that_is_not_the_opensearch_that_it_should_be_is_refused(
        self, server: FakeServer, place: dict[str, Any], aws_credentials: None
    ) -> None:
        server.answers = [Answer(body={"version": {"number": "7.10.2"}}, headers={})]
        with (
            cluster(server.url, **place) as asked,
            pytest.raises(IndexMisconfigured, match=r"no OpenSearch: .*7\.10\.2"),
        ):
            SearchIndex(asked).health("images")

    def test_that_is_neither_is_refused(self, server: FakeServer) -> None:
        server.answers = [Answer(body={"version": {"number": "7.10.2"}}, headers={})]
        with (
            cluster(server.url) as asked,
            pytest.raises(IndexMisconfigured, match=r"neither .*7\.10\.2"),
        ):
            SearchIndex(asked).health("images")

    def test_that_may_not_be_asked_for_may_be_said(self, server: FakeServer) -> None:
        server.answers = [Answer(403, {"message": "no"}, headers={})]
        with (
            cluster(server.url) as asked,
            pytest.raises(IndexMisconfigured, match=r"index\.engine"),
        ):
            SearchIndex(asked).health("images")

    def test_of_a_cluster_that_does_not_answer_is_asked_for_again(self, server: FakeServer) -> None:
        server.answers = [Answer(503, headers={}), OPENSEARCH, GREEN]
        with cluster(server.url) as asked:
            with pytest.raises(StoreUnavailable):
                asked.send("PUT", "/images")
            assert SearchIndex(asked).health("images") == "green"

    def test_is_asked_for_of_the_next_node_if_one_is_down(self, server: FakeServer) -> None:
        server.answers = [OPENSEARCH, GREEN]
        down = loopback.url(loopback.free_port())
        with cluster(f"{down},{server.url}") as asked:
            assert SearchIndex(asked).health("images") == "green"


@pytest.mark.usefixtures("aws_credentials")
class TestSigning:
    def test_is_for_the_domains_region_with_the_hash_of_the_content(
        self, server: FakeServer
    ) -> None:
        server.answers = [OPENSEARCH, GREEN]
        with cluster(server.url, domain=DOMAIN) as asked:
            asked.send("POST", "/images/_bulk", {"filter_path": "items.*.status"}, b"{}\n")

        _, request = server.requests
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=AKID/\d{8}/eu-west-1/es/aws4_request, "
            r"SignedHeaders=[\w;-]*host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
            r"Signature=[0-9a-f]{64}",
            headers["authorization"],
        )
        assert headers["x-amz-security-token"] == "token"
        assert re.fullmatch("[0-9a-f]{64}", headers["x-amz-content-sha256"])

    def test_without_credentials_is_refused(
        self, server: FakeServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("boto3.Session.get_credentials", lambda _: None)
        with (
            cluster(server.url, domain=DOMAIN) as asked,
            pytest.raises(IndexMisconfigured, match="no AWS credentials"),
        ):
            SearchIndex(asked).health("images")
        assert not server.requests

    def test_is_refused_for_what_is_no_domain(self) -> None:
        with pytest.raises(IndexMisconfigured, match="no ARN of an OpenSearch domain"):
            cluster("https://es.example", domain="arn:aws:s3:::bucket")


def test_an_api_key_is_refused_where_there_are_none(server: FakeServer) -> None:
    with (
        cluster(server.url, {"api_key": "key"}, engine=Engine.OPENSEARCH) as asked,
        pytest.raises(IndexMisconfigured, match="no API keys"),
    ):
        SearchIndex(asked).health("images")


@pytest.mark.parametrize(
    "url",
    [
        "https://abcdefghij0123456789.eu-west-1.aoss.amazonaws.com",
        "https://abcdefghij0123456789.aoss.eu-west-1.on.aws",
        "https://ABCDEFGHIJ0123456789.eu-west-1.aoss.amazonaws.com:443/",
    ],
)
def test_serverless_is_refused_by_name(url: str) -> None:
    with pytest.raises(IndexMisconfigured, match="OpenSearch Serverless is not supported"):
        cluster(url)
