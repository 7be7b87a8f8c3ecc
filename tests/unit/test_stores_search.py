"""What the index store makes of a cluster that fails, and how it connects."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reindex import settings
from reindex.domain.digest import DIGEST_LENGTH, digest
from reindex.domain.failures import IndexMisconfigured, StoreUnavailable
from reindex.domain.provenance import Guard
from reindex.settings import Engine
from reindex.stores.interfaces.index import IndexWrite, Verdict
from reindex.stores.search.access import access, read_secret
from reindex.stores.search.cluster import SearchCluster
from reindex.stores.search.connecting import connect
from reindex.stores.search.elasticsearch import ElasticsearchClient
from reindex.stores.search.ids import IndexIds
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.opensearch import OpenSearchClient
from reindex.stores.search.schema import Schema
from tests.local import loopback

NAME = "images-000001"
UUID = "uuid-1"
SMALL = Schema(settings={"new": 1}, older_settings={}, mapping={"properties": {}})

#: Placeholder in an answer's body for an object nested as deep as documents may be.
DEEP = "deep"


@dataclass
class Answer:
    """What the server says to one request."""

    status: int = 200
    body: Any = None
    drop: bool = False
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"X-Elastic-Product": "Elasticsearch"}
    )

    def text(self) -> bytes:
        return json.dumps(self.body).replace(f'"{DEEP}"', '{"a":' * 997 + "1" + "}" * 997).encode()


@dataclass
class Request:
    """What the server was asked."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


class FakeServer:
    """An HTTP server with prepared answers.

    Attributes:
        url: Its base URL.
        requests: What it was asked, except which index it is.
        answers: What it says to the next requests; to the last one's for ever.
        bulk: If set, says what becomes of a bulk's actions.
        answers_root: Whether ``GET /`` is answered by them, and not as OpenSearch does.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.bulk: Callable[[Sequence[str]], Answer] | None = None
        self.answers_root = False

    def answer(self, request: Request) -> Answer:
        if request.path == "/" and not self.answers_root:
            return Answer(body={"version": {"distribution": "opensearch"}})
        if request.path.startswith(f"/{NAME}/_settings/"):
            return Answer(body={NAME: {"settings": {"index.uuid": UUID}}})
        self.requests.append(request)
        if self.bulk and request.path.split("?")[0].endswith("/_bulk"):
            lines = request.body.decode().splitlines()
            return self.bulk([next(iter(json.loads(a).values()))["_id"] for a in lines[::2]])
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    class Handler(BaseHTTPRequestHandler):
        def _say(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = fake.answer(Request(self.command, self.path, body, dict(self.headers)))
            if answer.drop:
                self.close_connection = True
                return
            text = b"" if answer.body is None else answer.text()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _say  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing of handshakes that the client broke off."""

    with Quiet((loopback.ADDRESS, 0), Handler) as server:
        scheme = "http"
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        fake = FakeServer(f"{scheme}://{loopback.ADDRESS}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture(params=Engine)
def index(request: pytest.FixtureRequest, server: FakeServer) -> Iterator[SearchIndex]:
    with _connect(server.url, engine=request.param) as cluster:
        yield SearchIndex(cluster, SMALL)


def _connect(
    url: str,
    secret: Mapping[str, str] | None = None,
    engine: Engine | None = Engine.ELASTICSEARCH,
    **options: Any,
) -> SearchCluster:
    place = settings.Cluster(url, engine=engine)
    return connect(place, secret, **options)


def _writes(*ids: str) -> list[IndexWrite]:
    return [IndexWrite(image_id, None, {"id": image_id}) for image_id in ids]


def _item(status: int, kind: str = "", reason: str = "") -> dict[str, Any]:
    error = {"error": {"type": kind, "reason": reason}} if kind else {}
    return {"create": {"status": status, **error}}


def _error(kind: str, reason: str = "why") -> dict[str, Any]:
    cause = {"type": kind, "reason": reason}
    return {"error": {**cause, "root_cause": [cause]}}


NO_INDEX = Answer(404, _error("index_not_found_exception"))

#: Answers to :meth:`SearchIndex.denied_operations` of a cluster that allows everything except the
#: bulk: the mapping, the health, no such document, and a version conflict.
LET_DO_ALL = (
    Answer(body={NAME: {"mappings": {}}}),
    Answer(body={"status": "green"}),
    Answer(body={"docs": []}),
    Answer(409, _error("version_conflict_engine_exception")),
)


class TestABulk:
    def test_sends_creates_and_guarded_replacements(
        self, index: SearchIndex, server: FakeServer
    ) -> None:
        server.answers = [Answer(body={"items": [_item(201), _item(200)]})]

        index.write(
            NAME, [IndexWrite("a", None, {"id": "å"}), IndexWrite("b", Guard(7, 2), {"id": "b"})]
        )

        [bulk] = server.requests
        assert bulk.path.startswith(f"/{NAME}/_bulk")
        assert bulk.body.decode().splitlines() == [
            '{"create":{"_id":"a"}}',
            '{"id":"å"}',
            '{"index":{"_id":"b","if_seq_no":7,"if_primary_term":2}}',
            '{"id":"b"}',
        ]

    @pytest.mark.parametrize(
        ("item", "verdict"),
        [
            (_item(201), Verdict.WRITTEN),
            (_item(409, "version_conflict_engine_exception"), Verdict.CONFLICT),
            (_item(400, "document_parsing_exception"), Verdict.REFUSED),
            (_item(429, "es_rejected_execution_exception"), Verdict.NOT_TAKEN),
            (_item(503, "unavailable_shards_exception"), Verdict.NOT_TAKEN),
            (_item(500, "whatever"), Verdict.NOT_TAKEN),
            (_item(403, "cluster_block_exception"), Verdict.UNAVAILABLE),
            (_item(403, "security_exception"), Verdict.UNAVAILABLE),
        ],
    )
    def test_gives_each_item_its_verdict(
        self,
        index: SearchIndex,
        server: FakeServer,
        item: dict[str, Any],
        verdict: Verdict,
    ) -> None:
        server.answers = [Answer(body={"items": [item]})]

        assert index.write(NAME, _writes("a"))[0].verdict is verdict

    def test_gives_the_reason_and_its_causes(self, index: SearchIndex, server: FakeServer) -> None:
        item = _item(400, "document_parsing_exception", "failed to parse [x]")
        item["create"]["error"]["caused_by"] = {"type": "illegal_argument", "reason": "no date"}
        server.answers = [Answer(body={"items": [item]})]

        assert index.write(NAME, _writes("a"))[0].reason == (
            "document_parsing_exception: failed to parse [x] (illegal_argument: no date)"
        )

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_that_fails_as_a_whole_is_unavailable_for_each_and_is_never_repeated(
        self, index: SearchIndex, server: FakeServer, status: int
    ) -> None:
        server.answers = [Answer(status, headers={})]

        results = index.write(NAME, _writes("a", "b"))

        assert [result.verdict for result in results] == [Verdict.UNAVAILABLE] * 2
        assert len(server.requests) == 1

    def test_without_an_answer_is_unavailable(self, index: SearchIndex, server: FakeServer) -> None:
        server.bulk = lambda _ids: Answer(drop=True)

        [result] = index.write(NAME, _writes("a"))

        assert result.verdict is Verdict.UNAVAILABLE
        assert "does not answer" in result.reason

    @pytest.mark.parametrize("status", [400, 413])
    def test_that_is_refused_as_a_whole_is_halved_until_the_culprit_is_alone(
        self, index: SearchIndex, server: FakeServer, status: int
    ) -> None:
        def bulk(ids: Sequence[str]) -> Answer:
            if "d" in ids:
                return Answer(status, headers={})
            return Answer(body={"items": [_item(201) for _ in ids]})

        server.bulk = bulk

        results = index.write(NAME, _writes(*"abcdefg"))

        verdicts = dict(zip("abcdefg", (r.verdict for r in results), strict=True))
        assert verdicts.pop("d") is Verdict.REFUSED
        assert set(verdicts.values()) == {Verdict.WRITTEN}

    @pytest.mark.parametrize("status", [401, 403, 503])
    def test_that_does_not_know_our_credentials_has_rejected_them(
        self, server: FakeServer, index: SearchIndex, status: int
    ) -> None:
        server.answers = [Answer(status, {"error": {"type": "any"}})]

        with pytest.raises((IndexMisconfigured, StoreUnavailable)):
            index.resolve("images")

        assert index.credentials_rejected is (status == 401)

    @pytest.mark.parametrize("status", [401, 403, 404, 405])
    def test_that_is_not_allowed_blames_no_document(
        self, index: SearchIndex, server: FakeServer, status: int
    ) -> None:
        server.answers = [Answer(status, _error("security_exception"))]

        with pytest.raises(IndexMisconfigured):
            index.write(NAME, _writes("a", "b"))

    def test_finds_an_index_that_went_between_the_question_and_the_write(
        self, index: SearchIndex, server: FakeServer
    ) -> None:
        server.answers = [Answer(body={"items": [_item(404, "index_not_found_exception")]})]

        with pytest.raises(IndexMisconfigured):
            index.write(NAME, _writes("a"))


class TestWhatWeAreLetDo:
    @pytest.mark.parametrize(
        "bulk",
        [
            Answer(429, headers={}),
            Answer(503, headers={}),
            Answer(body={"items": [_item(503, "unavailable_shards_exception")]}),
        ],
    )
    def test_is_not_known_while_the_cluster_does_not_answer(
        self, index: SearchIndex, server: FakeServer, bulk: Answer
    ) -> None:
        server.answers = [*LET_DO_ALL]
        server.bulk = lambda _ids: bulk

        with pytest.raises(StoreUnavailable):
            index.denied_operations(NAME)

    def test_is_named_when_the_write_is_answered_with_a_refusal(
        self, index: SearchIndex, server: FakeServer
    ) -> None:
        server.answers = [*LET_DO_ALL]
        server.bulk = lambda _ids: Answer(body={"items": [_item(403, "security_exception")]})

        [problem] = index.denied_operations(NAME)

        assert problem.startswith("we cannot write documents (index): security_exception")


class TestARead:
    def test_asks_in_real_time_for_the_fields_alone(
        self, index: SearchIndex, server: FakeServer
    ) -> None:
        server.answers = [Answer(body={"docs": []})]

        index.read(NAME, ["a"], ["esInfo.reindex", "lastModified"])

        [asked] = server.requests
        assert asked.path.startswith(f"/{NAME}/_mget?")
        assert "realtime=true" in unquote(asked.path)
        assert "_source_includes=esInfo.reindex,lastModified" in unquote(asked.path)

    def test_a_read_of_a_document_nested_as_deep_as_the_cluster_allows_does_not_affect_others(
        self, index: SearchIndex, server: FakeServer
    ) -> None:
        found = {"found": True, "_seq_no": 1, "_primary_term": 1}
        odd = {"_id": "a", **found, "_source": {"esInfo": {"reindex": DEEP}}}
        server.answers = [Answer(body={"docs": [odd, {"_id": "b", **found}]})]

        read = index.read(NAME, ["a", "b"], ["esInfo.reindex"])

        assert read.keys() == {"a", "b"}
        assert read["a"].provenance is None
        assert len(digest(read["a"].source)) == DIGEST_LENGTH

    def test_of_a_failing_shard_is_never_an_absence(
        self, index: SearchIndex, server: FakeServer
    ) -> None:
        failed = {"_id": "b", **_error("no_shard_available_action_exception")}
        server.answers = [Answer(body={"docs": [{"_id": "a", "found": False}, failed]})]

        with pytest.raises(StoreUnavailable, match="no_shard_available"):
            index.read(NAME, ["a", "b"], ["id"])

    def test_is_repeated_when_a_node_does_not_answer(
        self, index: SearchIndex, server: FakeServer
    ) -> None:
        server.answers = [Answer(503, headers={}), Answer(body={"docs": []})]

        assert index.read(NAME, ["a"], ["id"]) == {}

    @pytest.mark.parametrize("status", [408, 429, 500, 503])
    def test_without_an_answer_is_unavailable(
        self, index: SearchIndex, server: FakeServer, status: int
    ) -> None:
        server.answers = [Answer(status, headers={})]

        with pytest.raises(StoreUnavailable):
            index.read(NAME, ["a"], ["id"])

    def test_of_a_long_command_asks_a_busy_cluster_again(self, server: FakeServer) -> None:
        busy = Answer(429, _error("es_rejected_execution_exception"))
        with _connect(server.url, read_pauses=(0, 0)) as cluster:
            server.answers = [busy, busy, Answer(body={"docs": []})]
            assert SearchIndex(cluster).read(NAME, ["a"], []) == {}
            server.answers = [busy] * 3
            with pytest.raises(StoreUnavailable):
                SearchIndex(cluster).read(NAME, ["a"], [])

    def test_of_something_that_is_no_elasticsearch_says_so(self, server: FakeServer) -> None:
        server.answers = [Answer(body={"docs": []}, headers={})]

        with (
            _connect(server.url) as cluster,
            pytest.raises(IndexMisconfigured, match="no Elasticsearch"),
        ):
            SearchIndex(cluster).read(NAME, ["a"], ["id"])


def test_a_delete_without_an_answer_is_unavailable(index: SearchIndex, server: FakeServer) -> None:
    server.answers = [Answer(503, headers={})]

    assert index.delete(NAME, "a", Guard(1, 1)) is Verdict.UNAVAILABLE
    assert len(server.requests) == 1


def test_the_health_of_a_cluster_without_a_master_is_unavailable(
    index: SearchIndex, server: FakeServer
) -> None:
    server.answers = [Answer(408, {"status": "red", "timed_out": True})]

    with pytest.raises(StoreUnavailable):
        index.health("images")


def test_a_server_before_8_14_is_given_the_settings_it_knows(
    index: SearchIndex, server: FakeServer
) -> None:
    unknown = "unknown setting [index.mapping.total_fields.ignore_dynamic_beyond_limit]"
    missing = Answer(404, {"error": "alias [images] missing", "status": 404})
    behind = Answer(body={NAME: {"aliases": {"images": {}}}})
    mapped = Answer(body={NAME: {"mappings": {}}})
    server.answers = [
        missing,
        NO_INDEX,
        Answer(400, _error("illegal_argument_exception", unknown)),
        Answer(body={}),
        behind,
        mapped,
        Answer(body={}),
        mapped,
    ]

    assert index.prepare("images").created

    tried, created = server.requests[2:4]
    assert json.loads(tried.body)["settings"] == {"new": 1}
    assert json.loads(created.body)["settings"] == {}


def test_an_index_that_cannot_be_created_says_why(index: SearchIndex, server: FakeServer) -> None:
    server.answers = [
        Answer(404, {"error": "alias [images] missing", "status": 404}),
        NO_INDEX,
        Answer(400, _error("mapper_parsing_exception", "analyzer not found")),
    ]

    with pytest.raises(IndexMisconfigured, match="analyzer not found"):
        index.prepare("images")


class TestConnecting:
    def test_names_a_user(self, server: FakeServer) -> None:
        server.answers = [Answer(body={"status": "green"})]
        with _connect(server.url, {"username": "me", "password": "secret"}) as cluster:
            SearchIndex(cluster, SMALL).health("images")

        assert server.requests[0].headers["authorization"] == "Basic bWU6c2VjcmV0"

    def test_shows_an_api_key(self, server: FakeServer) -> None:
        server.answers = [Answer(body={"status": "green"})]
        with _connect(server.url, {"api_key": "key"}) as client:
            SearchIndex(client, SMALL).health("images")

        assert server.requests[0].headers["authorization"] == "ApiKey key"

    def test_refuses_a_secret_that_is_half(self) -> None:
        with pytest.raises(IndexMisconfigured, match="no api_key and no password"):
            _connect("http://localhost", {"username": "me"})

    @pytest.mark.parametrize("text", ["not JSON", '"text"', '{"username": 7}', "[" * 100_000])
    def test_refuses_a_secret_of_another_form_and_does_not_show_it(self, text: str) -> None:
        with pytest.raises(IndexMisconfigured, match="is no JSON object of texts") as refused:
            read_secret(text)
        assert text not in str(refused.value)

    @pytest.mark.parametrize(
        ("url", "secret"), [("cluster.example", {}), ("https://cluster.example", {"ca": "no PEM"})]
    )
    def test_refuses_a_url_and_an_authority_that_are_none(
        self, url: str, secret: dict[str, str]
    ) -> None:
        with pytest.raises(IndexMisconfigured, match="of no use"):
            _connect(url, {"api_key": "key", **secret})

    def test_takes_several_nodes_and_each_schemes_own_port(self) -> None:
        where = access(
            settings.Cluster("https://one.example, http://two.example:9200/path"),
            None,
        )
        elastic = ElasticsearchClient(where)._client.transport.node_pool.all()
        open_search = OpenSearchClient(where)._transport.connection_pool.connections

        for nodes in (
            [node.base_url for node in elastic],
            [node.host + node.url_prefix for node in open_search],
        ):
            assert sorted(nodes) == ["http://two.example:9200/path", "https://one.example:443"]

    @pytest.mark.parametrize("engine", Engine)
    def test_trusts_a_private_authority_that_it_is_given(
        self, authority: Path, engine: Engine
    ) -> None:
        with serving(_served_with(authority)) as server:
            server.answers = [Answer(body={"status": "green"})]
            with _connect(server.url, {"ca": authority.read_text()}, engine) as client:
                assert SearchIndex(client, SMALL).health("images") == "green"

    @pytest.mark.parametrize("engine", [*Engine, None])
    def test_trusts_no_other_authority(self, authority: Path, engine: Engine | None) -> None:
        with (
            serving(_served_with(authority)) as server,
            _connect(server.url, engine=engine) as client,
        ):
            server.answers = [Answer(body={"status": "green"})]
            with pytest.raises(StoreUnavailable, match=r"(?i)certificate"):
                SearchIndex(client, SMALL).health("images")
        assert not server.requests


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A PEM file with a certificate that vouches for itself, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(loopback.ADDRESS))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "ca.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def _served_with(authority: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, authority.with_suffix(".key"))
    return context


@pytest.mark.parametrize(("length", "slices"), [(100, 16), (20_000, 6), (110_000, 1), (200_000, 1)])
def test_the_moment_of_all_slices_fits_the_state_of_a_run(length: int, slices: int) -> None:
    class Cluster:
        def resolve(self, _alias: str) -> str:
            return NAME

        def open_points_in_time(self, _index: str, _keep_alive: str) -> list[str]:
            return ["m" * length]

        def count(self, _index: str, _query: Mapping[str, Any]) -> int:
            return 40_000_000

    parts = IndexIds(cast("SearchIndex", Cluster()), "images").parts(256)

    assert len(parts) == slices
    assert {part["slices"] for part in parts} == {slices}
    assert slices == 1 or sum(len(json.dumps(part)) for part in parts) < 256_000 / 2
