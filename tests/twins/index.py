"""A search index in memory, with Elasticsearch's guards and none of its delays."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from reindex.domain.failures import IndexGone, IndexMisconfigured, SourceUnusable, StoreUnavailable
from reindex.domain.records import Guard, Indexed
from reindex.image.limits import Trimmed
from reindex.image.misfits import misfits, without_misfits
from reindex.stores.interfaces import Index, IndexWrite, Verdict, WriteResult
from tests.twins.outages import Outages

_TERM = 1
_UUIDS = itertools.count()


@dataclass
class _Shard:
    """One concrete index: its mapping (None takes anything) and its documents."""

    mapping: Mapping[str, Any] | None
    documents: dict[str, tuple[int, str]] = field(default_factory=dict)
    uuid: str = field(default_factory=lambda: f"uuid-{next(_UUIDS)}")
    seq_no: itertools.count[int] = field(default_factory=itertools.count)


class MemoryIndex(Outages, Index):
    """The twin of ``ElasticsearchIndex``.

    Attributes:
        aliases: Names of the concrete indices behind each alias.
        status: What ``health`` answers.
        lacking: What ``accepts`` answers.
        forbidden: What ``denied`` answers.
        hidden: Ids that the filter of an alias hides.
        refused: Reasons to refuse documents with, by id.
        overloaded: Ids whose writes are turned away as if by a full queue (429).
        bulks: The ids of every call of ``write``.
    """

    def __init__(
        self,
        name: str = "images-000001",
        alias: str = "images",
        mapping: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._indices = {name: _Shard(mapping)}
        self.name = name
        self.aliases: dict[str, list[str]] = {alias: [name]}
        self.status = "green"
        self.lacking: list[str] = []
        self.forbidden: list[str] = []
        self.hidden: set[str] = set()
        self.refused: dict[str, str] = {}
        self.overloaded: set[str] = set()
        self.bulks: list[list[str]] = []

    @property
    def documents(self) -> dict[str, Any]:
        """What the first index holds now, by id."""
        return {i: json.loads(text) for i, (_, text) in self._shard(self.name).documents.items()}

    def live_write(self, image_id: str, document: Mapping[str, Any]) -> Guard:
        """Write as a live writer does: with no guard."""
        shard = self._shard(self.name)
        guard = Guard(next(shard.seq_no), _TERM)
        shard.documents[image_id] = (guard.seq_no, json.dumps(document))
        return guard

    def live_delete(self, image_id: str) -> None:
        """Delete as a live writer does: with no guard."""
        shard = self._shard(self.name)
        next(shard.seq_no)
        del shard.documents[image_id]

    def live_map(self, mapping: Mapping[str, Any]) -> None:
        """Map fields as an index does when a live writer brings them."""
        self._shard(self.name).mapping = mapping

    def resolve(self, alias: str) -> str:
        self.answer()
        match self.aliases.get(alias, []):
            case [name]:
                return name
            case []:
                raise IndexMisconfigured(f"no alias {alias}")
            case names:
                raise IndexMisconfigured(f"alias {alias} names {', '.join(names)}")

    def uuid(self, index: str) -> str:
        self.answer()
        return self._shard(index).uuid

    def denied(self, index: str) -> list[str]:
        self.answer()
        self._shard(index)
        return list(self.forbidden)

    def accepts(self, index: str) -> list[str]:
        self.answer()
        self._shard(index)
        return list(self.lacking)

    def mapping(self, index: str) -> Mapping[str, Any]:
        self.answer()
        return self._shard(index).mapping or {}

    def sample(
        self, index: str, size: int, seed: int, query: Mapping[str, Any] | None = None
    ) -> list[str]:
        self.answer()
        ids = self._matching(index, query or {"match_all": {}})
        return Random(seed).sample(ids, min(size, len(ids)))

    def count(self, index: str, query: Mapping[str, Any]) -> int:
        self.answer()
        return len(self._matching(index, query))

    def finds(self, alias: str, image_id: str) -> bool:
        return image_id in self._shard(self.resolve(alias)).documents and (
            image_id not in self.hidden
        )

    def _matching(self, index: str, query: Mapping[str, Any]) -> list[str]:
        """The ids that a query names: this twin knows ``match_all`` and ``ids``."""
        match query:
            case {"bool": {"filter": [inner], "must_not": []}}:
                return self._matching(index, inner)
            case {"match_all": {}}:
                return sorted(self._shard(index).documents)
            case {"ids": {"values": [*ids]}}:
                return sorted(self._shard(index).documents.keys() & set(ids))
            case _:
                raise SourceUnusable(f"no query of this index: {query}")

    def misfits(self, index: str) -> dict[str, str]:
        self.answer()
        return misfits(self._shard(index).mapping or {})

    def health(self) -> str:
        self.answer()
        return self.status

    def read(self, index: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Indexed]:
        self.answer()
        documents = self._shard(index).documents
        paths = [path.split(".") for path in fields]
        found = {}
        for image_id in ids:
            if image_id in documents:
                seq_no, text = documents[image_id]
                source = _pick(json.loads(text), paths)
                found[image_id] = Indexed.of(Guard(seq_no, _TERM), source)
        return found

    def scan(self, index: str, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        self.answer()
        paths = [path.split(".") for path in fields]
        for image_id, (_, text) in list(self._shard(index).documents.items()):
            yield image_id, _pick(json.loads(text), paths)

    def write(
        self, index: str, writes: Sequence[IndexWrite], uuid: str | None = None
    ) -> list[WriteResult]:
        shard = self._shard(index)
        if uuid and shard.uuid != uuid:
            raise IndexGone(f"{index} was deleted, and another index has its name")
        self.bulks.append([write.id for write in writes])
        try:
            self.answer()
        except StoreUnavailable as error:
            return [WriteResult(Verdict.UNAVAILABLE, str(error)) for _ in writes]
        return [self._write(shard, write) for write in writes]

    def delete(self, index: str, image_id: str, guard: Guard) -> Verdict:
        self.answer()
        shard = self._shard(index)
        if not _stands(shard, image_id, guard):
            return Verdict.CONFLICT
        next(shard.seq_no)
        del shard.documents[image_id]
        return Verdict.WRITTEN

    def _shard(self, index: str) -> _Shard:
        try:
            return self._indices[index]
        except KeyError:
            raise IndexGone(f"no index {index}") from None

    def _write(self, shard: _Shard, write: IndexWrite) -> WriteResult:
        if write.id in self.overloaded:
            return WriteResult(Verdict.NOT_TAKEN, "es_rejected_execution_exception")
        # As Elasticsearch does: the mapping has its say before the guard.
        document = write.document
        values = json.loads(document) if isinstance(document, str) else document
        reason = self.refused.get(write.id) or _refusal(shard.mapping, values)
        if reason:
            return WriteResult(Verdict.REFUSED, reason)
        if not _stands(shard, write.id, write.guard):
            return WriteResult(Verdict.CONFLICT, "version_conflict_engine_exception")
        shard.documents[write.id] = (next(shard.seq_no), json.dumps(values))
        return WriteResult(Verdict.WRITTEN)


def _stands(shard: _Shard, image_id: str, guard: Guard | None) -> bool:
    """Whether the document is the version expected (None: there is no document)."""
    found = shard.documents.get(image_id)
    return guard == (Guard(found[0], _TERM) if found else None)


def _refusal(mapping: Mapping[str, Any] | None, document: Mapping[str, Any]) -> str:
    """Why a mapping refuses a document; empty when it does not."""
    if not mapping:
        return ""
    refused = Trimmed()
    without_misfits(document, misfits(mapping), refused)
    if refused.count:
        return f"document_parsing_exception: failed to parse {', '.join(sorted(refused.fields))}"
    if mapping.get("dynamic") != "strict":
        return ""
    properties = mapping.get("properties", {})
    for name, value in document.items():
        if name not in properties:
            return f"strict_dynamic_mapping_exception: introduction of [{name}] is not allowed"
        inner = {"dynamic": "strict", **properties[name]}
        if "properties" in inner and isinstance(value, Mapping):
            reason = _refusal(inner, value)
            if reason:
                return reason
    return ""


def _pick(source: Any, paths: Sequence[Sequence[str]]) -> Any:
    """Keep what the paths name, with everything below it (``_source_includes``)."""
    if any(not path for path in paths):
        return source
    if isinstance(source, list):
        return [_pick(part, paths) for part in source if isinstance(part, dict | list)]
    if not isinstance(source, dict):
        return None
    kept = {}
    for name, value in source.items():
        rest = [path[1:] for path in paths if path[0] in (name, "*")]
        if rest and (any(not path for path in rest) or isinstance(value, dict | list)):
            kept[name] = _pick(value, rest)
    return kept
