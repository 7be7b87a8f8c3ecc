"""A search index in memory, with Elasticsearch's guards and none of its delays."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from reindex.domain.failures import IndexGone, IndexMisconfigured, SourceUnusable, StoreUnavailable
from reindex.domain.provenance import Guard, Indexed
from reindex.domain.rounds import PinnedIndex, Position
from reindex.image.limits import Trimmed
from reindex.image.misfits import misfits, without_misfits
from reindex.reports.contents import contents
from reindex.stores.interfaces.index import IndexWrite, Verdict, WriteResult
from reindex.stores.interfaces.migrations import ChangedPage, MigrationIndex
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
    settings: dict[str, str] = field(default_factory=dict)
    last_seq_no: int = -1

    def next_seq_no(self) -> int:
        self.last_seq_no = next(self.seq_no)
        return self.last_seq_no


class MemoryIndex(Outages, MigrationIndex):
    """The twin of ``MigratingIndex``: each index has one shard.

    Attributes:
        aliases: Names of the concrete indices behind each alias.
        status: What ``health`` answers.
        lacking: What ``mapping_gaps`` answers.
        forbidden: What ``denied_operations`` answers.
        hidden: Ids that the filter of an alias hides.
        refused: Reasons to refuse documents with, by id.
        overloaded: Ids whose writes are turned away as if by a full queue (429).
        bulks: The ids of every call of ``write``.
        next_mapping: Of the next index that is built.
        unfollowable: What ``follow_problems`` answers.
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
        self.next_mapping: Mapping[str, Any] | None = None
        self.unfollowable: list[str] = []

    @property
    def documents(self) -> dict[str, Any]:
        """What the index that people search holds now, by id."""
        return self.documents_of(self.searched)

    @property
    def searched(self) -> str:
        """The index behind the first alias; the first index, when that leads to none."""
        names = next(iter(self.aliases.values()))
        return names[0] if names else self.name

    def documents_of(self, index: str) -> dict[str, Any]:
        """What an index holds now, by id."""
        return {i: json.loads(text) for i, (_, text) in self._shard(index).documents.items()}

    def add_index(self, name: str, mapping: Mapping[str, Any] | None = None) -> None:
        """Make another index, which no alias names."""
        self._indices[name] = _Shard(mapping)

    def live_write(
        self, image_id: str, document: Mapping[str, Any], index: str | None = None
    ) -> Guard:
        """Write as a live writer does: with no guard, where people search unless one is named."""
        shard = self._shard(index or self.searched)
        guard = Guard(shard.next_seq_no(), _TERM)
        shard.documents[image_id] = (guard.seq_no, json.dumps(document))
        return guard

    def live_delete(self, image_id: str, index: str | None = None) -> None:
        """Delete as a live writer does: with no guard, where people search unless one is named."""
        shard = self._shard(index or self.searched)
        shard.next_seq_no()
        del shard.documents[image_id]

    def live_map(self, mapping: Mapping[str, Any]) -> None:
        """Map fields as an index does when a live writer brings them."""
        self._shard(self.searched).mapping = mapping

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

    def denied_operations(self, index: str) -> list[str]:
        self.answer()
        self._shard(index)
        return list(self.forbidden)

    def mapping_gaps(self, index: str) -> list[str]:
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

    def refresh(self, index: str) -> None:
        self.answer()
        self._shard(index)

    def search_ids(self, index: str, query: Mapping[str, Any], size: int) -> list[str]:
        self.answer()
        return self._matching(index, query)[:size]

    def _matching(self, index: str, query: Mapping[str, Any]) -> list[str]:
        """The ids that a query finds, in their own order.

        This twin knows ``match_all``, ``ids``, ``exists``, ``term`` and, of these, ``bool`` with
        ``filter`` and ``nested``.
        """
        match query:
            case {"bool": {"filter": [*inner], **rest}} if not any(rest.values()):
                each = [set(self._matching(index, one)) for one in inner]
                return sorted(set.intersection(*each))
            case {"nested": {"query": inner}}:
                return self._matching(index, inner)
            case {"exists": {"field": str(path)}}:
                return self._holding(index, path, lambda _: True)
            case {"term": term} if len(term) == 1:
                [(path, wanted)] = term.items()
                return self._holding(index, path, lambda value: value == wanted)
            case {"match_all": {}}:
                return sorted(self._shard(index).documents)
            case {"ids": {"values": [*ids]}}:
                return sorted(self._shard(index).documents.keys() & set(ids))
            case _:
                raise SourceUnusable(f"no query of this index: {query}")

    def _holding(self, index: str, path: str, wanted: Callable[[Any], bool]) -> list[str]:
        """The ids of documents with a value in a field that the mapping indexes."""
        shard = self._shard(index)
        if shard.mapping is not None and not _indexes(shard.mapping, path.split(".")):
            return []
        return sorted(
            image_id
            for image_id, (_, text) in shard.documents.items()
            if any(map(wanted, contents(json.loads(text)).get(path, ())))
        )

    def misfits(self, index: str) -> dict[str, str]:
        self.answer()
        return misfits(self._shard(index).mapping or {})

    def health(self, index: str) -> str:
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
        shard.next_seq_no()
        del shard.documents[image_id]
        return Verdict.WRITTEN

    def position(self, index: str) -> Position:
        self.answer()
        return {"0": self._shard(index).last_seq_no}

    def changed(
        self, index: str, shard: str, after: int, until: int | None, size: int
    ) -> ChangedPage:
        self.answer()
        assert shard == "0"
        found = sorted(
            (seq_no, image_id)
            for image_id, (seq_no, _) in self._shard(index).documents.items()
            if after < seq_no and (until is None or seq_no <= until)
        )[:size]
        last = found[-1][0] if len(found) == size else None
        return ChangedPage([image_id for _, image_id in found], last)

    def count_changed(self, index: str, since: Position) -> int:
        self.answer()
        documents = self._shard(index).documents
        return sum(seq_no > since["0"] for seq_no, _ in documents.values())

    def written_since(self, index: str, ids: Sequence[str], since: Position) -> set[str]:
        self.answer()
        documents = self._shard(index).documents
        return {i for i in ids if i in documents and documents[i][0] > since["0"]}

    def follow_problems(self, index: str) -> list[str]:
        self.answer()
        self._shard(index)
        return list(self.unfollowable)

    def indices_behind(self, alias: str) -> list[str]:
        self.answer()
        return sorted(self.aliases.get(alias, []))

    def free_name(self, alias: str) -> str:
        self.answer()
        names = (f"{alias}-{number:06}" for number in itertools.count(1))
        return next(name for name in names if name not in self._indices)

    def shards(self, index: str) -> int:
        self.answer()
        self._shard(index)
        return 1

    def build(self, name: str, shards: int) -> PinnedIndex:
        self.answer()
        assert shards
        if name in self._indices and self.aliases_of(name):
            raise IndexMisconfigured(f"{name} exists, and is searched")
        shard = self._indices.setdefault(name, _Shard(self.next_mapping))
        shard.settings["index.refresh_interval"] = "-1"
        return PinnedIndex(name, shard.uuid)

    def live_settings(self, like: str) -> Mapping[str, str]:
        self.answer()
        self._shard(like)
        return {"index.refresh_interval": ""}

    def apply(self, index: str, settings: Mapping[str, str]) -> None:
        self.answer()
        self._shard(index).settings |= settings

    def health_of(self, index: str) -> str:
        self.answer()
        self._shard(index)
        return self.status

    def aliases_of(self, index: str) -> Mapping[str, Mapping[str, Any]]:
        self.answer()
        self._shard(index)
        return {a: {} for a, names in sorted(self.aliases.items()) if index in names}

    def move_aliases(self, names: Sequence[str], source: str, target: str) -> None:
        self.answer()
        for name in names:
            if not {source, target} & set(self.aliases.get(name, [])):
                raise IndexMisconfigured(f"{name} leads neither to {source} nor to {target}")
        for name in names:
            behind = self.aliases[name]
            self.aliases[name] = sorted({target, *behind} - {source})

    def add_aliases(self, index: str, aliases: Mapping[str, Mapping[str, Any]]) -> None:
        self.answer()
        self._shard(index)
        for name in aliases:
            if set(self.aliases.get(name, [])) - {index}:
                raise IndexMisconfigured(f"{name} leads to another index already")
            self.aliases[name] = [index]

    def drop(self, index: PinnedIndex) -> None:
        self.answer()
        shard = self._indices.get(index.name)
        if shard is None or shard.uuid != index.uuid:
            return
        if self.aliases_of(index.name):
            raise IndexMisconfigured(f"{index.name} is still searched")
        del self._indices[index.name]

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
        shard.documents[write.id] = (shard.next_seq_no(), json.dumps(values))
        return WriteResult(Verdict.WRITTEN)


def _stands(shard: _Shard, image_id: str, guard: Guard | None) -> bool:
    """Whether the document is the version expected (None: there is no document)."""
    found = shard.documents.get(image_id)
    return guard == (Guard(found[0], _TERM) if found else None)


def _indexes(mapping: Mapping[str, Any], path: Sequence[str]) -> bool:
    found = mapping
    for name in path:
        if name not in found.get("properties", {}) or found.get("enabled") is False:
            return False
        found = found["properties"][name]
    return found.get("index") is not False


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
