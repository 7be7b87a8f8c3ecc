"""The search index, in Elasticsearch: everything that only this engine has stays in here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from elastic_transport import TransportError
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

from reindex.domain.failures import IndexGone, IndexMisconfigured, SourceUnusable, StoreUnavailable
from reindex.domain.records import Guard, Indexed
from reindex.image.misfits import misfits, surprising
from reindex.stores.interfaces import IndexWrite, Verdict, WriteResult
from reindex.stores.mapping_gaps import mapping_gaps
from reindex.stores.search.bulk import UNUSABLE, batches, operation, unavailable, verdict
from reindex.stores.search.connecting import REQUEST_SECONDS
from reindex.stores.search.schema import Schema
from reindex.time_limit import TimeLimit

#: Bytes of one bulk request. Elastic advises 5 to 15 MB; the server's hard limit
#: (``http.max_content_length``) is 100 MB, that of managed clusters may be 10.
MAX_BULK_BYTES = 10_000_000

#: Documents of one page, where whole ones may have 100 KB each.
_PAGE_DOCUMENTS = 500

#: How long the cluster remembers the moment of a paged read after each page.
_KEEP_ALIVE = "5m"

_BAD_REQUEST = 400
_TOO_LARGE = 413
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500

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
        [result] = self._bulk(index, [operation(IndexWrite(_PROBE_ID, _PROBE_GUARD, {}))])
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
                raise unavailable(document["error"])
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
        try:
            with self._answering():
                answer = self._reader.search(
                    index=index,
                    size=size,
                    query={"function_score": drawn},
                    source=False,
                    track_total_hits=False,
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
        for batch in batches(map(operation, writes), self._max_bulk_bytes):
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
        return [verdict(*item.values()) for item in answer["items"]]

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
        except (AuthenticationException, AuthorizationException, UnsupportedProductError) as error:
            self.credentials_rejected |= isinstance(error, AuthenticationException)
            raise IndexMisconfigured(f"Elasticsearch refuses us: {error}") from error
        except ApiError as error:
            if _error_type(error) == "index_not_found_exception":
                raise IndexGone(f"Elasticsearch: {error}") from error
            if _error_type(error) in UNUSABLE:
                raise IndexMisconfigured(f"Elasticsearch: {error}") from error
            if error.status_code in (408, _TOO_MANY_REQUESTS) or error.status_code >= _SERVER_ERROR:
                raise StoreUnavailable(f"Elasticsearch: {error}") from error
            raise


def _error_type(error: ApiError) -> str:
    body = error.body
    problem = body.get("error") if isinstance(body, Mapping) else None
    return str(problem.get("type", "")) if isinstance(problem, Mapping) else ""


def _provenance(live: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The mapping of the field that holds provenance; None when there is no such field."""
    es_info = live.get("properties", {}).get("esInfo", {})
    found: Mapping[str, Any] | None = es_info.get("properties", {}).get("reindex")
    return found
