"""The search index, in Elasticsearch: everything that only this engine has stays in here."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from elastic_transport import TransportError
from elastic_transport.client_utils import url_to_node_config
from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    BadRequestError,
    ConflictError,
    Elasticsearch,
    NotFoundError,
    UnsupportedProductError,
)

from reindex import settings
from reindex.domain.failures import (
    CredentialsRejected,
    IndexGone,
    IndexMisconfigured,
    SourceUnusable,
    StoreUnavailable,
)
from reindex.domain.records import Guard, Indexed, document_text
from reindex.image.mapping import PROVENANCE_MAPPING, index_settings, mapping
from reindex.image.misfits import misfits, surprising
from reindex.stores.interfaces import Cursor, IdPage, IndexWrite, Part, Verdict, WriteResult
from reindex.stores.mapping_gaps import mapping_gaps
from reindex.strict_json import merged
from reindex.time_limit import TimeLimit

#: Bytes of one bulk request. Elastic advises 5 to 15 MB; the server's hard limit
#: (``http.max_content_length``) is 100 MB, that of managed clusters may be 10.
MAX_BULK_BYTES = 10_000_000

#: Seconds a request may take. Longer than the server's own patience with a bulk (1 min by
#: default, for a shard to come back) would only hold a worker that can do nothing else.
REQUEST_SECONDS = 30.0

#: Documents of one page, where whole ones may have 100 KB each.
_PAGE_DOCUMENTS = 500

#: How long the cluster remembers the moment of a paged read after each page.
_KEEP_ALIVE = "5m"

#: The same where ids go into a table between the pages, and a part may be tried again.
_IDS_KEEP_ALIVE = "30m"

#: Ids of one page.
_PAGE_IDS = 5_000

#: Documents that are worth a slice, and the most slices: each repeats the name of the moment,
#: which takes some bytes for each shard, and all of them are held in the state of a run.
_SLICE_DOCUMENTS = 100_000
_SLICES = 16

#: Bytes that the moment of all slices may take in the state of a run, which holds 256 KB.
_MOMENTS_BYTES = 120_000

_BAD_REQUEST = 400
_TOO_LARGE = 413
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500

#: Errors that are the index's own, whichever document was asked for or written.
_UNUSABLE = {
    "index_not_found_exception",
    "index_closed_exception",
    "routing_missing_exception",
}

#: Documents may be nested a thousand deep. Python gives up reading an answer that is nested as deep
#: as its recursion limit, by default a thousand too, with all documents that are in it. Recursion
#: of this depth fits a thread's smallest usual stack, 512 KB.
_RECURSION_LIMIT = 2_500

#: An id that no image has, and a version that no document has: a write of them is judged by all
#: that a real one is judged by, and changes nothing.
_PROBE_ID = "image-reindex-preflight"
_PROBE_GUARD = Guard(2**53 - 1, 1)

#: Times that what is only read is asked for in all.
_READS = 3

#: Seconds without which a request is not begun.
_LEAST_SECONDS = 1.0

#: Of a bulk's answer only what decides the verdicts: most of it would be echo.
_BULK_ANSWER = ("items.*.status", "items.*.error")

_PROVENANCE = "esInfo.reindex"


def connect(
    place: settings.Elasticsearch,
    secret: Mapping[str, str] | None,
    *,
    request_seconds: float = REQUEST_SECONDS,
) -> Elasticsearch:
    """Make a client of the cluster; nothing is sent yet.

    The client never repeats a request by itself: a bulk that was in fact written would, sent
    again, conflict with its own guards.

    The recursion limit of the whole process is raised, so that an answer can be read however deep
    its documents are nested.

    Args:
        place: Where the cluster is. A URL without a port means its scheme's own.
        secret: ``username`` and ``password``, or ``api_key``; optionally ``ca``, the PEM text of
            a private certificate authority, which is then the only one trusted.
        request_seconds: How long one request may take.

    Raises:
        IndexMisconfigured: A URL or the authority cannot be read, or the secret holds neither
            an API key nor a name and password.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
    secret = secret or {}
    try:
        trust = ssl.create_default_context(cadata=secret.get("ca"))
        nodes = [
            url_to_node_config(url.strip(), use_default_ports_for_scheme=True)
            for url in place.elasticsearch_url.split(",")
            if url.strip()
        ]
    except (ValueError, ssl.SSLError) as error:
        raise IndexMisconfigured(f"The cluster's URL or authority is of no use: {error}") from error
    return Elasticsearch(
        [n.replace(ssl_context=trust) if n.scheme == "https" else n for n in nodes],
        **_credentials(secret),
        request_timeout=request_seconds,
        max_retries=0,
        retry_on_timeout=False,
        retry_on_status=(),
    )


def _credentials(secret: Mapping[str, str]) -> dict[str, Any]:
    if not secret.keys() - {"ca"}:
        return {}
    if "api_key" in secret:
        return {"api_key": secret["api_key"]}
    try:
        return {"basic_auth": (secret["username"], secret["password"])}
    except KeyError as error:
        raise IndexMisconfigured(
            f"The Elasticsearch secret holds no api_key and no {error.args[0]}."
        ) from None


def read_secret(text: str) -> Mapping[str, str]:
    """Read the text of a secret, as :func:`connect` wants it.

    Raises:
        IndexMisconfigured: It is no JSON object, or a value in it is no text.
    """
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        # The text itself is for nobody's eyes.
        raise IndexMisconfigured("The Elasticsearch secret is no JSON object of texts.")
    return found


@dataclass(frozen=True, slots=True)
class Schema:
    """What a new index is made of, and an existing one is held against.

    Attributes:
        settings: Of the index, its analysers among them.
        older_settings: For a server that does not know all of those (before 8.14).
        mapping: Of the documents.
        provenance: What is added to the mapping of a library's own index.
    """

    settings: Mapping[str, Any] = field(default_factory=index_settings)
    older_settings: Mapping[str, Any] = field(
        default_factory=lambda: index_settings(ignore_beyond_limit=False)
    )
    mapping: Mapping[str, Any] = field(default_factory=mapping)
    provenance: Mapping[str, Any] = field(default_factory=lambda: PROVENANCE_MAPPING)


#: A mapping for :func:`library_schema` that demands nothing but a place for provenance.
UNKNOWN_MAPPING = '{"dynamic": "strict"}'


def library_schema(text: str) -> Schema:
    """Read a library's own mapping, for documents of another shape than ours.

    Args:
        text: JSON: what creates an index (``mappings``, and ``settings`` if it needs any), or the
            mapping alone (``properties``).

    Returns:
        What an index is made of, a place for provenance added.

    Raises:
        IndexMisconfigured: It is not that.
    """
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise IndexMisconfigured(f"The library's mapping is not JSON: {error}") from error
    own = found.get("mappings", found) if isinstance(found, dict) else None
    made_with = found.get("settings", {}) if isinstance(found, dict) else None
    if (
        not isinstance(own, dict)
        or not isinstance(own.get("properties", {}), dict)
        or not isinstance(made_with, dict)
    ):
        raise IndexMisconfigured("The library's mapping is no object with properties or mappings.")
    wanted = merged(own, PROVENANCE_MAPPING)
    return Schema(settings=made_with, older_settings=made_with, mapping=wanted)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What preparing an index came to.

    Attributes:
        index: The concrete index behind the alias.
        created: It did not exist before.
        provenance_added: It existed, without a place for provenance.
        lacking: What its mapping still lacks for our documents.
        misfits: Its fields that may refuse what files bring along, for people.
    """

    index: str
    created: bool
    provenance_added: bool
    lacking: Sequence[str]
    misfits: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents as they were at a moment.

    Attributes:
        hits: As the cluster gives them.
        moment: To be named for the next page.
        after: Where that begins; None at the end.
    """

    hits: Sequence[Mapping[str, Any]]
    moment: str
    after: Sequence[Any] | None


class ElasticsearchIndex:
    """The index that people search, in Elasticsearch 8.x or 9.x.

    Args:
        client: From :func:`connect`.
        schema: What prepared indices are made of.
        max_bulk_bytes: Of one bulk request; a single document may be larger.
        time_limit: No request outlives it.

    Attributes:
        credentials_rejected: The cluster has answered once that it does not know our credentials.
    """

    def __init__(
        self,
        client: Elasticsearch,
        schema: Schema | None = None,
        *,
        max_bulk_bytes: int = MAX_BULK_BYTES,
        time_limit: TimeLimit | None = None,
    ) -> None:
        self._unlimited = client
        self._unlimited_reader = client.options(
            max_retries=_READS - 1, retry_on_status=(502, 503, 504)
        )
        self._time_limit = time_limit or TimeLimit()
        self._schema = schema or Schema()
        self._max_bulk_bytes = max_bulk_bytes
        self.credentials_rejected = False

    @property
    def _client(self) -> Elasticsearch:
        """The client for one request, with no more patience than time is left.

        Raises:
            StoreUnavailable: No time is left to ask.
        """
        left = self._time_limit.left()
        if left < _LEAST_SECONDS:
            raise StoreUnavailable("Elasticsearch: no time is left to ask it.")
        if left > REQUEST_SECONDS:
            return self._unlimited
        return self._unlimited.options(request_timeout=left)

    @property
    def _reader(self) -> Elasticsearch:
        """The client for what is only read: asked again, of the next node, if one is silent."""
        left = self._time_limit.left()
        if left < _LEAST_SECONDS:
            raise StoreUnavailable("Elasticsearch: no time is left to ask it.")
        if left > _READS * REQUEST_SECONDS:
            return self._unlimited_reader
        return self._unlimited_reader.options(request_timeout=left / _READS)

    def uuid(self, index: str) -> str:
        """What the index is known by for life: one made later under the same name has another.

        Raises:
            IndexGone: There is no such index.
            IndexMisconfigured: The cluster refuses us.
            StoreUnavailable: The cluster does not answer.
        """
        with self._answering():
            answer = self._reader.indices.get_settings(
                index=index, name="index.uuid", flat_settings=True
            )
        if index not in answer:
            raise IndexGone(f"{index} is no index of its own name.")
        return str(answer[index]["settings"]["index.uuid"])

    def denied(self, index: str) -> list[str]:
        """What a run must be able to do with the index and is not let do; nothing is changed.

        Each privilege is tried by the request that needs it: on an id that no image has, and
        with a version that no document has.

        Raises:
            IndexGone: There is no such index.
            IndexMisconfigured: The cluster does not let us see its mapping.
            StoreUnavailable: The cluster does not answer.
        """
        if self.mapping(index).get("_routing", {}).get("required") in (True, "true"):
            problem = (
                f"we cannot address documents by their id alone: the mapping of {index} has "
                "_routing.required, so every request needs a routing value, and ours have none"
            )
            return [problem]
        attempts: dict[str, Callable[[], object]] = {
            "see the cluster's health (privilege monitor)": self.health,
            "read documents (read)": lambda: self.read(index, [_PROBE_ID], []),
            "write documents (index)": lambda: self._try_to_write(index),
            "delete documents (delete)": lambda: self._try_to_delete(index),
        }
        problems = []
        for what, attempt in attempts.items():
            try:
                attempt()
            except (IndexMisconfigured, ApiError) as error:
                problems.append(f"we cannot {what}: {error}")
        return problems

    def _try_to_write(self, index: str) -> None:
        # Asked first, as in "write": a bulk would create an index that is missing.
        self.uuid(index)
        [result] = self._bulk(index, [_operation(IndexWrite(_PROBE_ID, _PROBE_GUARD, {}))])
        match result.verdict:
            case Verdict.CONFLICT:
                return
            case Verdict.NOT_TAKEN:
                raise StoreUnavailable(f"Elasticsearch: {result.reason}")
            case _:
                raise IndexMisconfigured(result.reason or f"the answer was {result.verdict.name}")

    def _try_to_delete(self, index: str) -> None:
        if self.delete(index, _PROBE_ID, _PROBE_GUARD) is Verdict.UNAVAILABLE:
            raise StoreUnavailable("Elasticsearch: the deletion was not answered")

    def resolve(self, alias: str) -> str:
        """The one concrete index behind an alias.

        Raises:
            IndexMisconfigured: There is none, or more than one.
            StoreUnavailable: The cluster does not answer.
        """
        match self._behind(alias):
            case [index]:
                return index
            case []:
                raise IndexMisconfigured(f"There is no index behind the alias {alias}.")
            case indices:
                raise IndexMisconfigured(
                    f"There is more than one index behind the alias {alias}: {', '.join(indices)}."
                )

    def accepts(self, index: str) -> list[str]:
        """What the index's mapping lacks for our documents; empty when it will take them.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        live = self.mapping(index)
        gaps = mapping_gaps(live, self._schema.mapping)
        if (_provenance(live) or {}).get("enabled") not in (False, "false"):
            gaps.append(f"{_PROVENANCE} is not there as an object with enabled: false")
        return gaps

    def mapping(self, index: str) -> Mapping[str, Any]:
        """The index's mapping: ``dynamic``, ``properties``.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        with self._answering():
            answer = self._reader.indices.get_mapping(index=index)
        found: Mapping[str, Any] = answer[index]["mappings"]
        return found

    def misfits(self, index: str) -> dict[str, str]:
        """The fields whose mapping may refuse ours, see :func:`reindex.image.misfits.misfits`.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        return misfits(self.mapping(index))

    def health(self) -> str:
        """The cluster's health: ``green``, ``yellow`` or ``red``.

        Raises:
            StoreUnavailable: The cluster does not answer, or has no master that could say.
        """
        with self._answering():
            return str(self._reader.cluster.health(timeout="5s")["status"])

    def read(self, index: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Indexed]:
        """Read fields of documents by realtime multi-get; an absent one is not in the answer.

        Args:
            index: The concrete index.
            ids: Of the images; some hundreds, for the answer is held in memory.
            fields: Dotted names, ``*`` for all there are; what lies below a named object comes
                with it.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster, or a shard that holds one of them, does not answer.
        """
        if not ids:
            return {}
        with self._answering():
            answer = self._reader.mget(
                index=index,
                ids=ids,
                realtime=True,
                source=None if fields else False,
                source_includes=fields or None,
            )
        found = {}
        for document in answer["docs"]:
            # A shard that fails answers for its documents within a successful request.
            if "error" in document:
                raise _unavailable(document["error"])
            if document["found"]:
                guard = Guard(document["_seq_no"], document["_primary_term"])
                found[document["_id"]] = Indexed.of(guard, document.get("_source", {}))
        return found

    def scan(self, index: str, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Page through all documents as they were at one moment, in no order.

        What was written before is among them if we may refresh the index; else, what was
        written since it last refreshed itself is not.

        Args:
            index: The concrete index.
            fields: Dotted names; ``*`` for all there are.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer, or forgot the moment meanwhile.
        """
        moment = self.hold(index, _KEEP_ALIVE)
        page = Page([], moment, None)
        try:
            while True:
                page = self.page(
                    page.moment,
                    page.after,
                    size=_PAGE_DOCUMENTS,
                    keep_alive=_KEEP_ALIVE,
                    source=None if fields else False,
                    source_includes=fields or None,
                )
                for hit in page.hits:
                    yield hit["_id"], hit.get("_source", {})
                if page.after is None:
                    return
        finally:
            # Left to itself, it would be kept for a while longer, to no harm.
            with suppress(ApiError, TransportError):
                self._unlimited.close_point_in_time(id=page.moment)

    def hold(self, index: str, keep_alive: str) -> str:
        """Hold the index as it is at this moment, to page through it.

        Args:
            index: The concrete index.
            keep_alive: How long the cluster remembers the moment after each page.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        with self._answering(), suppress(AuthorizationException):
            self._reader.indices.refresh(index=index)
        with self._answering():
            moment: str = self._reader.open_point_in_time(index=index, keep_alive=keep_alive)["id"]
        return moment

    def page(
        self, moment: str, after: Sequence[Any] | None, *, size: int, keep_alive: str, **search: Any
    ) -> Page:
        """The next documents as they were at a moment, in no order.

        Args:
            moment: As the page before gave it, or :meth:`hold`.
            after: Likewise; None for the first page.
            size: Documents of a page.
            keep_alive: As for :meth:`hold`.
            search: What else the search shall say: ``query``, ``slice``, ``source``.

        Raises:
            StoreUnavailable: The cluster does not answer, or forgot the moment meanwhile.
        """
        with self._answering():
            answer = self._reader.search(
                pit={"id": moment, "keep_alive": keep_alive},
                size=size,
                sort=[{"_shard_doc": "asc"}],
                search_after=after,
                track_total_hits=False,
                **search,
            )
        if answer["_shards"]["failed"] or answer["timed_out"]:
            raise StoreUnavailable("Elasticsearch: not every shard answered.")
        hits = answer["hits"]["hits"]
        more = len(hits) == size
        return Page(hits, answer.get("pit_id", moment), hits[-1]["sort"] if more else None)

    def count(self, index: str, query: Mapping[str, Any]) -> int:
        """How many documents match a query.

        Raises:
            SourceUnusable: The cluster does not take the query.
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        try:
            with self._answering():
                return int(self._reader.count(index=index, query=query)["count"])
        except BadRequestError as error:
            raise SourceUnusable(f"Elasticsearch does not take the query: {error}") from error

    def finds(self, alias: str, image_id: str) -> bool:
        """Return True if a search through the alias finds a document.

        False for one that the alias's filter hides, and for one written since the last refresh.

        Raises:
            IndexMisconfigured: There is no such alias.
            StoreUnavailable: The cluster does not answer.
        """
        return self.count(alias, {"ids": {"values": [image_id]}}) > 0

    def sample(
        self, index: str, size: int, seed: int, query: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Ids of documents drawn at random: the same ones for a seed, while nothing is written.

        Args:
            index: The concrete index.
            size: Most ids; 10,000 at most, the server's limit on a page
                (``index.max_result_window``).
            seed: Of the draw.
            query: Only documents that match it.

        Raises:
            SourceUnusable: The cluster does not take the query.
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        drawn = {
            "query": query or {"match_all": {}},
            "random_score": {"seed": seed, "field": "_seq_no"},
            "boost_mode": "replace",
        }
        return self._found(index, {"function_score": drawn}, size)

    def search_ids(self, index: str, query: Mapping[str, Any], size: int) -> list[str]:
        """Return the ids of the documents that match a query best, best first.

        Args:
            index: The concrete index. It is refreshed before, if we may.
            query: In Elasticsearch's query language.
            size: Most ids; 10,000 at most (``index.max_result_window``).

        Raises:
            SourceUnusable: The cluster does not take the query.
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        with self._answering(), suppress(AuthorizationException):
            self._reader.indices.refresh(index=index)
        return self._found(index, query, size)

    def _found(self, index: str, query: Mapping[str, Any], size: int) -> list[str]:
        """Return the ids that a search finds, best first, or fail as a whole."""
        try:
            with self._answering():
                answer = self._reader.search(
                    index=index, size=size, query=query, source=False, track_total_hits=False
                )
        except BadRequestError as error:
            raise SourceUnusable(f"Elasticsearch does not take the query: {error}") from error
        if answer["_shards"]["failed"] or answer["timed_out"]:
            raise StoreUnavailable("Elasticsearch: not every shard answered.")
        return [hit["_id"] for hit in answer["hits"]["hits"]]

    def searches(self, index: str, path: str) -> bool:
        """Whether documents can be told by having a field: it is mapped, and indexed.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        found: Any = self.mapping(index)
        for name in path.split("."):
            inner = {**found.get("properties", {}), **found.get("fields", {})}
            if name not in inner:
                return False
            found = inner[name]
            if found.get("enabled") in (False, "false"):
                return False
        return found.get("index") not in (False, "false")

    def write(
        self, index: str, writes: Sequence[IndexWrite], uuid: str | None = None
    ) -> list[WriteResult]:
        """Write documents in bulk; one result per write, in order.

        A document replaces exactly the version its guard names, or is created. Writes that the
        cluster did not answer for are ``UNAVAILABLE``: they may have been written, and, written
        again, will then conflict with themselves.

        Args:
            index: The concrete index.
            writes: Each is judged alone.
            uuid: Of the index that is meant; None for whichever has the name.

        Raises:
            IndexGone: There is no such index, or another has its name.
            IndexMisconfigured: The cluster does not let us write.
            StoreUnavailable: The cluster does not even say whether the index exists.
        """
        if not writes:
            return []
        # A bulk would create an index that is missing, with a mapping guessed from the documents,
        # and there is no option against it ('require_alias' wants an alias). What remains is the
        # instant between this question and the bulk; a cluster closes it too with the setting
        # 'action.auto_create_index', or an index template with 'allow_auto_create: false'.
        found = self.uuid(index)
        if uuid and found != uuid:
            raise IndexGone(f"{index} was deleted, and another index has its name.")
        results: list[WriteResult] = []
        for batch in _batches(map(_operation, writes), self._max_bulk_bytes):
            results += self._bulk_or_unavailable(index, batch)
        return results

    def delete(self, index: str, image_id: str, guard: Guard) -> Verdict:
        """Delete one document if it is still that version.

        Returns:
            ``WRITTEN``, ``CONFLICT`` (also when it is gone already) or ``UNAVAILABLE``.

        Raises:
            IndexMisconfigured: There is no such index, or the cluster does not let us delete.
        """
        try:
            with self._answering():
                self._client.delete(
                    index=index,
                    id=image_id,
                    if_seq_no=guard.seq_no,
                    if_primary_term=guard.primary_term,
                )
        except (ConflictError, NotFoundError):
            return Verdict.CONFLICT
        except StoreUnavailable:
            return Verdict.UNAVAILABLE
        return Verdict.WRITTEN

    def prepare(self, alias: str) -> Prepared:
        """Make sure that there is an index behind an alias, and that it has room for provenance.

        An index that exists is given that one field and is otherwise left as it is. Safe to
        repeat, and to do twice at once.

        Raises:
            IndexMisconfigured: There is more than one index behind the alias, the name is
                an index's own, or the cluster does not let us.
            StoreUnavailable: The cluster does not answer.
        """
        created = not self._behind(alias) and self._create(alias)
        index = self.resolve(alias)
        adding = _provenance(self.mapping(index)) is None
        if adding:
            with self._answering():
                properties = self._schema.provenance["properties"]
                self._client.indices.put_mapping(index=index, properties=properties)
        refusing = surprising(self.misfits(index))
        return Prepared(index, created, adding, self.accepts(index), refusing)

    def search(self, alias: str, text: str, size: int = 10) -> list[Mapping[str, Any]]:
        """The documents whose metadata match a text best, as people would search for them."""
        with self._answering():
            answer = self._reader.search(
                index=alias,
                size=size,
                query={"multi_match": {"query": text, "fields": ["metadata.*"], "lenient": True}},
            )
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def _behind(self, alias: str) -> list[str]:
        with self._answering():
            try:
                return sorted(self._reader.indices.get_alias(name=alias))
            except NotFoundError:
                if not self._reader.indices.exists(index=alias):
                    return []
        raise IndexMisconfigured(
            f"{alias} is an index of that name: a reindex needs an alias, so that the index it "
            "writes to can be pinned."
        )

    def _create(self, alias: str) -> bool:
        """Create an index under the alias; False when somebody else just did."""
        number = 1
        settings = self._schema.settings
        while True:
            try:
                with self._answering():
                    self._client.indices.create(
                        index=f"{alias}-{number:06}",
                        aliases={alias: {}},
                        settings=settings,
                        mappings=self._schema.mapping,
                    )
            except BadRequestError as error:
                if _error_type(error) == "resource_already_exists_exception":
                    if self._behind(alias):
                        return False
                    # An older index of that name, from which somebody took the alias away.
                    number += 1
                elif (
                    "ignore_dynamic_beyond_limit" in str(error)
                    and settings != self._schema.older_settings
                ):
                    settings = self._schema.older_settings
                else:
                    raise IndexMisconfigured(f"The index cannot be created: {error}") from error
            else:
                return True

    def _bulk_or_unavailable(self, index: str, batch: Sequence[bytes]) -> list[WriteResult]:
        try:
            return self._bulk(index, batch)
        except StoreUnavailable as error:
            return [WriteResult(Verdict.UNAVAILABLE, str(error))] * len(batch)

    def _bulk(self, index: str, batch: Sequence[bytes]) -> list[WriteResult]:
        """Send one bulk request, in halves if the cluster refuses it as a whole.

        Raises:
            IndexMisconfigured: There is no such index, or the cluster does not let us write.
            StoreUnavailable: The request was not answered; it may have been carried out.
        """
        try:
            with self._answering():
                answer = self._client.bulk(
                    index=index,
                    operations=batch,  # type: ignore[arg-type]  # lines as they are sent
                    filter_path=_BULK_ANSWER,
                )
        except ApiError as error:
            if error.status_code not in (_BAD_REQUEST, _TOO_LARGE):
                raise IndexMisconfigured(f"Elasticsearch takes no bulk: {error}") from error
            # One of them spoils the whole request: find out which.
            if len(batch) == 1:
                reason = f"{len(batch[0])} bytes are refused: {error}"
                return [WriteResult(Verdict.REFUSED, reason)]
            half = len(batch) // 2
            halves = batch[:half], batch[half:]
            return [r for part in halves for r in self._bulk_or_unavailable(index, part)]
        return [_verdict(*item.values()) for item in answer["items"]]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn the client's exceptions into ours, but for refusals of what was asked (4xx).

        Raises:
            IndexMisconfigured: Who we are is not known or not allowed, the index does not exist or
                is closed, or this is no Elasticsearch.
            StoreUnavailable: No answer, or one that says to come back later.
        """
        try:
            yield
        except TransportError as error:
            raise StoreUnavailable(f"Elasticsearch: {error}") from error
        except AuthenticationException as error:
            self.credentials_rejected = True
            raise CredentialsRejected(f"Elasticsearch refuses us: {error}") from error
        except (AuthorizationException, UnsupportedProductError) as error:
            raise IndexMisconfigured(f"Elasticsearch refuses us: {error}") from error
        except ApiError as error:
            if _error_type(error) == "index_not_found_exception":
                raise IndexGone(f"Elasticsearch: {error}") from error
            if _error_type(error) in _UNUSABLE:
                raise IndexMisconfigured(f"Elasticsearch: {error}") from error
            if error.status_code in (408, _TOO_MANY_REQUESTS) or error.status_code >= _SERVER_ERROR:
                raise StoreUnavailable(f"Elasticsearch: {error}") from error
            raise


def matching(query: Mapping[str, Any] | None, lacking: str | None) -> dict[str, Any]:
    """The query that a source of ids means.

    Args:
        query: In Elasticsearch's own language; None for all documents.
        lacking: A field that they do not have; None for whatever they have.
    """
    without = [{"exists": {"field": lacking}}] if lacking else []
    return {"bool": {"filter": [query or {"match_all": {}}], "must_not": without}}


class IndexIds:
    """The ids of the documents that match a query, as they were at one moment.

    Args:
        index: Where they are.
        alias: That people search through.
        query: In Elasticsearch's own language; None for all documents.
        lacking: A field that they do not have; None for whatever they have.
    """

    def __init__(
        self,
        index: ElasticsearchIndex,
        alias: str,
        query: Mapping[str, Any] | None = None,
        lacking: str | None = None,
    ) -> None:
        self._index = index
        self._alias = alias
        self._lacking = lacking
        self._query = matching(query, lacking)

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut what matches into slices of one moment; none when nothing does.

        Raises:
            SourceUnusable: The cluster does not take the query, or cannot know what lacks
                the field.
            IndexMisconfigured: There is not one index behind the alias.
            StoreUnavailable: The cluster does not answer.
        """
        name = self._index.resolve(self._alias)
        if self._lacking and not self._index.searches(name, self._lacking):
            # It would seem to be lacking everywhere.
            raise SourceUnusable(f"{self._lacking} is no indexed field of {name}")
        # First, for it makes what was written just now searchable.
        moment = self._index.hold(name, _IDS_KEEP_ALIVE)
        count = self._index.count(name, self._query)
        fitting = max(1, _MOMENTS_BYTES // len(moment))
        slices = min(-(-count // _SLICE_DOCUMENTS), _SLICES, at_most, fitting)
        return [{"moment": moment, "slice": k, "slices": slices} for k in range(slices)]

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """The next ids of a slice.

        Raises:
            StoreUnavailable: The cluster does not answer, or forgot the moment meanwhile.
        """
        # A slice of one is refused.
        whole = part["slices"] == 1
        page = self._index.page(
            after["moment"] if after else part["moment"],
            after["after"] if after else None,
            size=_PAGE_IDS,
            keep_alive=_IDS_KEEP_ALIVE,
            query=self._query,
            source=False,
            **({} if whole else {"slice": {"id": part["slice"], "max": part["slices"]}}),
        )
        following = {"moment": page.moment, "after": page.after} if page.after else None
        return IdPage([hit["_id"] for hit in page.hits], following)


def _operation(write: IndexWrite) -> bytes:
    """One write as it stands in a bulk body: two lines of JSON."""
    action: dict[str, Any] = {"create": {"_id": write.id}}
    if write.guard:
        action = {
            "index": {
                "_id": write.id,
                "if_seq_no": write.guard.seq_no,
                "if_primary_term": write.guard.primary_term,
            }
        }
    document = write.document
    line = document if isinstance(document, str) else document_text(document)
    return b"%b\n%b\n" % (document_text(action).encode(), line.encode())


def _batches(operations: Iterable[bytes], limit: int) -> Iterator[list[bytes]]:
    """Cut into runs of at most ``limit`` bytes, or of one operation that is larger."""
    batch: list[bytes] = []
    size = 0
    for operation in operations:
        if batch and size + len(operation) > limit:
            yield batch
            batch, size = [], 0
        batch.append(operation)
        size += len(operation)
    if batch:
        yield batch


def _verdict(item: Mapping[str, Any]) -> WriteResult:
    """Judge one item of a bulk's answer."""
    status = item["status"]
    if status < 300:  # noqa: PLR2004 - 200 replaced, 201 created
        return WriteResult(Verdict.WRITTEN)
    error = item["error"]
    reason = _reason(error)
    match status:
        case 409:
            return WriteResult(Verdict.CONFLICT, reason)
        case _ if error["type"] in _UNUSABLE:
            raise _unavailable(error)
        # Forbidden (a write block, a lost permission) is no more the document's doing
        # than an overload is.
        case 401 | 403:
            return WriteResult(Verdict.UNAVAILABLE, reason)
        case 429:
            return WriteResult(Verdict.NOT_TAKEN, reason)
        case _ if status >= _SERVER_ERROR:
            return WriteResult(Verdict.NOT_TAKEN, reason)
        case _:
            return WriteResult(Verdict.REFUSED, reason)


def _reason(error: Mapping[str, Any]) -> str:
    """What went wrong, and why: ``type: reason (type: reason)``."""
    text = f"{error['type']}: {error.get('reason', '')}"
    cause = error.get("caused_by")
    return f"{text} ({_reason(cause)})" if cause else text


def _error_type(error: ApiError) -> str:
    body = error.body
    problem = body.get("error") if isinstance(body, Mapping) else None
    return str(problem.get("type", "")) if isinstance(problem, Mapping) else ""


def _unavailable(error: Mapping[str, Any]) -> Exception:
    match error["type"]:
        case "index_not_found_exception":
            return IndexGone(f"Elasticsearch: {_reason(error)}")
        case "index_closed_exception" | "routing_missing_exception":
            return IndexMisconfigured(f"Elasticsearch: {_reason(error)}")
        case _:
            return StoreUnavailable(f"Elasticsearch: {_reason(error)}")


def _provenance(live: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The mapping of the field that holds provenance; None when there is no such field."""
    es_info = live.get("properties", {}).get("esInfo", {})
    found: Mapping[str, Any] | None = es_info.get("properties", {}).get("reindex")
    return found
