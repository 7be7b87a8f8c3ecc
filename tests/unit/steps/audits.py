"""An audit of a world in memory, as the state machine makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reindex.composition.audit import AuditSteps
from reindex.composition.run import RunSteps
from reindex.domain.audit import DocumentFacts, Entry, uri_hash
from reindex.domain.audit_classes import Listing
from reindex.settings import Settings
from reindex.steps.audit import Auditing
from reindex.steps.audit_files import summary_key
from reindex.stores.interfaces.listings import EntryListing
from tests.twins.library import UPLOADED
from tests.twins.listings import MemoryListing
from tests.unit.steps.world import World


class Audits:
    """Makes audits of a world.

    Attributes:
        listings: Of the world as it is; a test may replace one.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.listings: dict[Listing, EntryListing] = {
            Listing.ORIGINALS: MemoryListing(self._originals),
            Listing.THUMBNAILS: MemoryListing(self._thumbnails),
            Listing.CROPS: MemoryListing(self._crops),
            Listing.EDITS: MemoryListing(self._edits),
            Listing.DOCUMENTS: MemoryListing(self._documents),
            Listing.PROGRESS: MemoryListing(self._progress),
        }

    @property
    def auditing(self) -> Auditing:
        world = self.world
        groups = (*world.groups(), replace(world.pace, settle_seconds=300))
        ports = replace(world.ports, settings=Settings.of(*groups), listings=lambda: self.listings)
        return AuditSteps(ports, RunSteps(ports)).auditing

    def list_and_compare(
        self, audit_id: str, *, deep: bool = False, accept_shrunk: bool = False
    ) -> None:
        """Do all but the report."""
        planned = self.auditing.plan(audit_id, deep=deep, accept_shrunk=accept_shrunk)
        for part in planned["parts"]:
            cursor = None
            while True:
                cursor = self.auditing.list_part(audit_id, part, cursor)["next"]
                if cursor is None:
                    break
        for partition in planned["partitions"]:
            assert self.auditing.compare(audit_id, partition) == {"next": None}

    def audit(
        self, audit_id: str = "audit-1", *, deep: bool = False, accept_shrunk: bool = False
    ) -> dict[str, Any]:
        """Make an audit; return its summary."""
        self.list_and_compare(audit_id, deep=deep, accept_shrunk=accept_shrunk)
        self.auditing.report(audit_id)
        found: dict[str, Any] = json.loads(self.world.files.files[summary_key(audit_id)])
        return found

    def _originals(self) -> Sequence[Entry]:
        return [(i, Listing.ORIGINALS, UPLOADED.timestamp()) for i in self.world.library.originals]

    def _thumbnails(self) -> Sequence[Entry]:
        return [
            (i, Listing.THUMBNAILS, UPLOADED.timestamp()) for i in self.world.library.thumbnails
        ]

    def _crops(self) -> Sequence[Entry]:
        crops = self.world.library.crop_objects
        return [(i, Listing.CROPS, uri_hash(each.uri)) for i in crops for each in crops[i]]

    def _edits(self) -> Sequence[Entry]:
        return [(i, Listing.EDITS, None) for i, rows in self.world.library.rows.items()]

    def _documents(self) -> Sequence[Entry]:
        return [
            (i, Listing.DOCUMENTS, DocumentFacts.of(source, self.world.preserve))
            for i, source in self.world.index.documents.items()
        ]

    def _progress(self) -> Sequence[Entry]:
        rows = self.world.table.rows.values()
        return [(row.id, Listing.PROGRESS, (row.state, row.digest)) for row in rows]


def found(summary: Mapping[str, Any]) -> dict[str, int]:
    """The classes that have images, with their counts."""
    return {each["name"]: each["count"] for each in summary["classes"] if each["count"]}


def examples(summary: Mapping[str, Any], name: str) -> list[str]:
    """The examples of a class."""
    [ids] = (each["examples"] for each in summary["classes"] if each["name"] == name)
    return list(ids)
