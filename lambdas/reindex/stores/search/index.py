"""The search index, in Elasticsearch or OpenSearch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from reindex.domain.failures import IndexGone, IndexMisconfigured, StoreUnavailable
from reindex.domain.provenance import PROVENANCE, Guard
from reindex.image.misfits import surprising
from reindex.stores.interfaces.index import IndexWrite, Verdict, WriteResult
from reindex.stores.mapping_gaps import mapping_gaps
from reindex.stores.search.bulk import batches, operation, verdict
from reindex.stores.search.cluster import Refusal, SearchCluster, path
from reindex.stores.search.reading import IndexReader
from reindex.stores.search.schema import Schema

#: Bytes of one bulk request. Elastic advises 5 to 15 MB. The server's limit
#: (``http.max_content_length``) is 100 MB; managed clusters may have one of 10 MB.
MAX_BULK_BYTES = 10_000_000

#: An id that no image has, and a version that no document has: a write with them needs the same
#: permissions as a real one, and changes nothing.
_PROBE_ID = "image-reindex-preflight"
_PROBE_GUARD = Guard(2**53 - 1, 1)

#: Only the parts of a bulk's answer that the verdicts need: most of it repeats the request.
_BULK_ANSWER = {"filter_path": "items.*.status,items.*.error"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of preparing an index.

    Attributes:
        index: The concrete index behind the alias.
        created: True if it did not exist before.
        provenance_added: True if it existed, without a field for provenance.
        lacking: What its mapping still lacks for our documents.
        misfits: Its fields whose mapping may reject values from files, with descriptions.
    """

    index: str
    created: bool
    provenance_added: bool
    lacking: Sequence[str]
    misfits: Sequence[str] = ()


class SearchIndex(IndexReader):
    """The index that people search.

    Args:
        cluster: From :func:`reindex.stores.search.connecting.connect`.
        schema: Of the indices that are created.
        max_bulk_bytes: Of one bulk request; a single document may be larger.
    """

    def __init__(
        self,
        cluster: SearchCluster,
        schema: Schema | None = None,
        *,
        max_bulk_bytes: int = MAX_BULK_BYTES,
    ) -> None:
        super().__init__(cluster)
        self._schema = schema or Schema()
        self._max_bulk_bytes = max_bulk_bytes

    def denied_operations(self, index: str) -> list[str]:
        """Return the operations that a run needs and the index denies; change nothing.

        Each privilege is tested by the request that needs it: on an id that no image has, and
        with a version that no document has.

        Raises:
            IndexGone: There is no such index.
            IndexMisconfigured: The cluster does not allow reading its mapping.
            StoreUnavailable: The cluster does not answer.
        """
        if self.mapping(index).get("_routing", {}).get("required") in (True, "true"):
            problem = (
                f"we cannot address documents by their id alone: the mapping of {index} has "
                "_routing.required, so every request needs a routing value, and ours have none"
            )
            return [problem]
        attempts: dict[str, Callable[[], object]] = {
            "see the cluster's health (privilege monitor)": lambda: self.health(index),
            "read documents (read)": lambda: self.read(index, [_PROBE_ID], []),
            "write documents (index)": lambda: self._try_to_write(index),
            "delete documents (delete)": lambda: self._try_to_delete(index),
        }
        problems = []
        for what, attempt in attempts.items():
            try:
                attempt()
            except (IndexMisconfigured, Refusal) as error:
                problems.append(f"we cannot {what}: {error}")
        return problems

    def _try_to_write(self, index: str) -> None:
        # As in "write": a bulk would create an index that is missing.
        self.uuid(index)
        [result] = self._bulk(index, [operation(IndexWrite(_PROBE_ID, _PROBE_GUARD, {}))])
        match result.verdict:
            case Verdict.CONFLICT:
                return
            case Verdict.NOT_TAKEN:
                raise StoreUnavailable(f"The cluster: {result.reason}")
            case _:
                raise IndexMisconfigured(result.reason or f"the answer was {result.verdict.name}")

    def _try_to_delete(self, index: str) -> None:
        if self.delete(index, _PROBE_ID, _PROBE_GUARD) is Verdict.UNAVAILABLE:
            raise StoreUnavailable("The cluster: the deletion was not answered")

    def mapping_gaps(self, index: str) -> list[str]:
        """Return what the index's mapping lacks for our documents; empty if it accepts them.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        live = self.mapping(index)
        gaps = mapping_gaps(live, self._schema.mapping)
        if (_provenance(live) or {}).get("enabled") not in (False, "false"):
            gaps.append(f"{PROVENANCE} is not there as an object with enabled: false")
        return gaps

    def write(
        self, index: str, writes: Sequence[IndexWrite], uuid: str | None = None
    ) -> list[WriteResult]:
        """Write documents in bulk; one result per write, in order.

        A document replaces exactly the version of its guard, or is created. A write without an
        answer is ``UNAVAILABLE``. It may have been executed; if so, a retry is a version conflict.

        Args:
            index: The concrete index.
            writes: Each succeeds or fails alone.
            uuid: Of the index; None for any index of that name.

        Raises:
            IndexGone: There is no such index, or another index has its name.
            IndexMisconfigured: The cluster does not allow writing.
            StoreUnavailable: The cluster does not answer if the index exists.
        """
        if not writes:
            return []
        # A bulk would create an index that is missing, with a mapping guessed from the documents,
        # and no option of the request prevents that ('require_alias' needs an alias). So this reads
        # the index's UUID first. The index may still be deleted before the bulk; the cluster's
        # setting 'action.auto_create_index', or an index template with 'allow_auto_create: false',
        # prevents that case too.
        found = self.uuid(index)
        if uuid and found != uuid:
            raise IndexGone(f"{index} was deleted, and another index has its name.")
        results: list[WriteResult] = []
        for batch in batches(map(operation, writes), self._max_bulk_bytes):
            results += self._bulk_or_unavailable(index, batch)
        return results

    def delete(self, index: str, image_id: str, guard: Guard) -> Verdict:
        """Delete one document on condition that it still has a version.

        Returns:
            ``WRITTEN``, ``CONFLICT`` (also if it does not exist) or ``UNAVAILABLE``.

        Raises:
            IndexMisconfigured: There is no such index, or the cluster does not allow deleting.
        """
        version = {
            "if_seq_no": str(guard.seq_no),
            "if_primary_term": str(guard.primary_term),
        }
        try:
            self._cluster.send("DELETE", path(index, "_doc", image_id), version)
        except Refusal as error:
            if error.status in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                return Verdict.CONFLICT
            raise
        except StoreUnavailable:
            return Verdict.UNAVAILABLE
        return Verdict.WRITTEN

    def prepare(self, alias: str) -> Prepared:
        """Create the index behind an alias if it is missing, and its field for provenance.

        An index that exists gets that field and is not changed otherwise. The call may be repeated,
        and made concurrently.

        Raises:
            IndexMisconfigured: There is more than one index behind the alias, the name is
                an index's own, or the cluster denies it.
            StoreUnavailable: The cluster does not answer.
        """
        created = not self._behind(alias) and self._create(alias)
        index = self.resolve(alias)
        adding = _provenance(self.mapping(index)) is None
        if adding:
            place = {"properties": self._schema.provenance["properties"]}
            self._cluster.send("PUT", path(index, "_mapping"), body=place)
        refusing = surprising(self.misfits(index))
        return Prepared(index, created, adding, self.mapping_gaps(index), refusing)

    def _create(self, alias: str) -> bool:
        """Create an index with the alias; return False if another process just did."""
        number = 1
        while not self._make(f"{alias}-{number:06}", aliases={alias: {}}):
            if self._behind(alias):
                return False
            # An older index of that name exists, which does not have the alias any more.
            number += 1
        return True

    def _make(
        self,
        name: str,
        *,
        aliases: Mapping[str, Any],
        adapt: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    ) -> bool:
        """Create an index of our schema; return False if one of that name exists.

        Args:
            name: Of the index.
            aliases: Of the index.
            adapt: Returns its settings, given those of the schema.

        Raises:
            IndexMisconfigured: The cluster rejects its settings or its mapping.
        """
        wanted = self._schema
        for settings in (wanted.settings, wanted.older_settings):
            made_of = {"settings": adapt(settings), "mappings": wanted.mapping, "aliases": aliases}
            try:
                self._cluster.send("PUT", path(name), body=made_of)
            except Refusal as error:
                if error.kind == "resource_already_exists_exception":
                    return False
                is_old_server = "ignore_dynamic_beyond_limit" in str(error)
                if is_old_server and settings is not wanted.older_settings:
                    continue
                raise IndexMisconfigured(f"{name} cannot be created: {error}") from error
            return True
        raise AssertionError("the last settings are taken or refused")

    def _bulk_or_unavailable(self, index: str, batch: Sequence[bytes]) -> list[WriteResult]:
        try:
            return self._bulk(index, batch)
        except StoreUnavailable as error:
            return [WriteResult(Verdict.UNAVAILABLE, str(error))] * len(batch)

    def _bulk(self, index: str, batch: Sequence[bytes]) -> list[WriteResult]:
        """Send one bulk request; split it into halves if the cluster rejects it as a whole.

        Raises:
            IndexMisconfigured: There is no such index, or the cluster does not allow writing.
            StoreUnavailable: There was no answer; the request may have been executed.
        """
        try:
            lines = b"".join(batch)
            answer = self._cluster.send("POST", path(index, "_bulk"), _BULK_ANSWER, lines)
        except Refusal as error:
            if error.status not in (
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            ):
                raise IndexMisconfigured(f"The cluster takes no bulk: {error}") from error
            # One operation makes the whole request invalid: find it by bisection.
            if len(batch) == 1:
                reason = f"{len(batch[0])} bytes are refused: {error}"
                return [WriteResult(Verdict.REFUSED, reason)]
            half = len(batch) // 2
            halves = batch[:half], batch[half:]
            return [r for part in halves for r in self._bulk_or_unavailable(index, part)]
        return [verdict(*item.values()) for item in answer["items"]]


def _provenance(live: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the mapping of the field that holds provenance; None when there is no such field."""
    es_info = live.get("properties", {}).get("esInfo", {})
    found: Mapping[str, Any] | None = es_info.get("properties", {}).get("reindex")
    return found
