"""The audit's steps: plan, list, compare, report. Reads the library, writes to the run's bucket.

Originals are listed in order of keys, tables in order of a hash, the index in order of its shards:
no two listings can be merged as they come. So all are cut into the same partitions, by a hash of
the image id, as an external sort cuts by ranges; then each partition is put together in memory.
Every part leaves a file when it is done, so what is tried again, or resumed, is not done twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from reindex.domain.audit import Counted, ImageFacts, classes, collect, shrunk
from reindex.domain.audit_classes import ImageClass, Listing
from reindex.domain.digest import id_hash
from reindex.domain.progress import iso
from reindex.domain.tally import PREFIX_LENGTH
from reindex.reports.audit_page import page
from reindex.reports.audit_summary import AuditResult, ClassResult, counted_of
from reindex.reports.page import CONTENT_TYPE
from reindex.steps.ambient import Clock
from reindex.steps.audit_files import AuditFiles, Look, Part, Spill, reference_summary, summary_key
from reindex.steps.second_look import SecondLook
from reindex.stores.interfaces.listings import EntryListing
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs

#: Images of a partition, which one invocation compares: fewer where it projects all of them, one
#: batch after the other. And the most partitions: an execution has 25,000 events.
PARTITION_IMAGES: Final = 100_000
DEEP_PARTITION_IMAGES: Final = 20_000
MAX_PARTITIONS: Final = 1_200

#: Entries that one invocation holds in memory. A partition that has more (the stores had counted
#: fewer) is compared in several passes over its files.
HELD_ENTRIES: Final = 1_000_000

#: Entries of a part of a listing, and the most parts of each.
PART_ENTRIES: Final = 500_000
MAX_PARTS: Final = 64

#: Seconds after which a part is continued by a further invocation.
PART_SECONDS: Final = 600

#: Examples of a class in the summary.
EXAMPLES: Final = 10

#: Images of a class that are looked at again; of a class with more, none is.
LOOK_AGAIN: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditing:
    """Lists every store, and finds the images of which they disagree.

    Attributes:
        listings: Opens them.
        second_look: Looks suspects up.
        settle_seconds: From the last listing to the second look: a change that a live writer began
            during the first look is then complete.
    """

    listings: Callable[[], Mapping[Listing, EntryListing]]
    second_look: SecondLook
    runs: Runs
    files: RunFiles
    settle_seconds: int
    clock: Clock

    def plan(self, audit_id: str, *, deep: bool, accept_shrunk: bool = False) -> dict[str, Any]:
        """Cut the listings into parts, and decide on the number of partitions.

        An audit that is resumed keeps its plan.

        Args:
            audit_id: Of the audit.
            deep: Whether all images are projected.
            accept_shrunk: Whether listings that have shrunk are right.

        Returns:
            ``{"parts": [0, …], "partitions": [0, …], "settle": seconds}``.

        Raises:
            SourceUnusable: A listing is not what it should be.
            IndexMisconfigured: There is not one index behind the alias.
            StoreUnavailable: A service does not answer.
        """
        files = AuditFiles(self.files, audit_id)
        plan: Mapping[str, Any] | None = None
        with suppress(KeyError):
            plan = files.plan()
        plan = plan or files.keep_plan(self._new_plan(deep=deep, accept_shrunk=accept_shrunk))
        return {
            "parts": list(range(len(plan["parts"]))),
            "partitions": list(range(plan["partitions"])),
            "settle": self.settle_seconds,
        }

    def _new_plan(self, *, deep: bool, accept_shrunk: bool) -> dict[str, Any]:
        started = self.clock.now()
        listings = self.listings()
        sizes = {name: listing.size() for name, listing in listings.items()}
        # S3 does not count objects: expect as many as the largest table has rows.
        images = max(sizes.values())
        size = DEEP_PARTITION_IMAGES if deep else PARTITION_IMAGES
        parts = []
        for name, listing in listings.items():
            at_most = math.ceil((sizes[name] or images) / PART_ENTRIES)
            parts += [[name, p] for p in listing.parts(min(MAX_PARTS, max(1, at_most)))]
        return {
            "started_at": started,
            "deep": deep,
            "accept_shrunk": accept_shrunk,
            "listings": list(listings),
            "parts": parts,
            "partitions": min(MAX_PARTITIONS, max(1, math.ceil(images / size))),
        }

    def list_part(
        self, audit_id: str, number: int, cursor: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """List a part, or as much of it as fits one invocation, into the partitions' files.

        Args:
            audit_id: Of the audit.
            number: Of the part.
            cursor: As the invocation before returned it; None for the first.

        Returns:
            ``{"next": cursor}`` to go on from; None at the part's end.
        """
        files = AuditFiles(self.files, audit_id)
        if files.is_done(Part.LISTED, number):
            return {"next": None}
        plan = files.plan()
        name, part = plan["parts"][number]
        listing = self.listings()[Listing(name)]
        after, file, entries = None, 0, 0
        if cursor:
            after, file, entries = cursor["after"], cursor["file"], cursor["entries"]
        spill = Spill(files, plan["partitions"], number, file)
        started = self.clock.now()
        while True:
            found = listing.page(part, after)
            spill.add(found.entries)
            entries += len(found.entries)
            after = found.next
            if after is None or self.clock.now() - started > PART_SECONDS:
                break
        spill.flush()
        if after is not None:
            return {"next": {"after": after, "file": spill.file, "entries": entries}}
        files.done(Part.LISTED, number, Counted(listed={name: entries}))
        return {"next": None}

    def compare(self, audit_id: str, partition: int) -> dict[str, Any]:
        """Put the entries of a partition together, and write down the ids of each class.

        Returns:
            ``{"next": None}``.
        """
        files = AuditFiles(self.files, audit_id)
        if files.is_done(Part.COMPARED, partition):
            return {"next": None}
        plan = files.plan()
        listed = {Listing(name) for name in plan["listings"]}
        found: dict[ImageClass, list[str]] = {}
        counted = Counted()
        for images in self._images(files, partition, plan["partitions"]):
            originals = [image_id for image_id, facts in images.items() if facts.original]
            counted.count_originals(image_id[:PREFIX_LENGTH] for image_id in originals)
            for name, ids in self._classified(images, listed, deep=plan["deep"]).items():
                found.setdefault(name, []).extend(ids)
        for name, ids in found.items():
            files.put_ids(Look.FIRST, name, partition, ids)
            counted.classes[name] = len(ids)
        files.done(Part.COMPARED, partition, counted)
        return {"next": None}

    def report(self, audit_id: str) -> dict[str, Any]:
        """Look again at what was found, and write the summary and its page.

        Returns:
            ``{"audit_id", "clean", "summary"}``: the last is the key of the summary.

        Raises:
            IndexMisconfigured: There is not one index behind the alias.
            StoreUnavailable: A service does not answer.
        """
        files = AuditFiles(self.files, audit_id)
        plan, counted = files.plan(), files.counted()
        few = {
            ImageClass(name): list(files.ids(Look.FIRST, ImageClass(name)))
            for name, images in counted.classes.items()
            if images <= LOOK_AGAIN
        }
        listed = {Listing(name) for name in plan["listings"]}
        counted.listed = {name: counted.listed.get(name, 0) for name in plan["listings"]}
        confirmed = self.second_look.confirmed(few, listed)
        for name, ids in confirmed.items():
            files.put_ids(Look.SECOND, name, 0, ids)
        run = self.runs.current()
        reference = reference_summary(self.files, audit_id)
        summary = AuditResult(
            audit_id=audit_id,
            started_at=iso(plan["started_at"]),
            ended_at=iso(self.clock.now()),
            deep=plan["deep"],
            counted=counted,
            classes=[_result(files, name, counted, confirmed.get(name)) for name in ImageClass],
            reference=reference["audit_id"] if reference else None,
            shrunk=shrunk(counted_of(reference), counted),
            accept_shrunk=plan["accept_shrunk"],
            open_run=run.run_id if run and run.is_open else None,
        ).summary()
        files.put_summary(summary, page(summary), CONTENT_TYPE)
        return {"audit_id": audit_id, "clean": summary["clean"], "summary": summary_key(audit_id)}

    def _images(
        self, files: AuditFiles, partition: int, partitions: int
    ) -> Iterator[dict[str, ImageFacts]]:
        """Yield the images of a partition: in several passes if it has too many entries for one."""
        keys, entries = files.entry_files(partition)
        passes = max(1, math.ceil(entries / HELD_ENTRIES))
        for number in range(passes):
            images = collect(
                entry
                for entry in files.read(keys)
                if passes == 1 or id_hash(entry[0]) // partitions % passes == number
            )
            yield dict(sorted(images.items()))

    def _classified(
        self, images: Mapping[str, ImageFacts], listed: Collection[Listing], *, deep: bool
    ) -> dict[ImageClass, list[str]]:
        """Return the ids of each class; with ``deep``, a projection decides which are stale."""
        found: dict[ImageClass, list[str]] = {}
        for image_id, facts in images.items():
            for name in classes(facts, listed):
                found.setdefault(name, []).append(image_id)
        if deep:
            both = [i for i, facts in images.items() if facts.original and facts.document]
            found[ImageClass.STALE_DOCUMENT] = sorted(self.second_look.not_as_projected(both))
        return {name: ids for name, ids in found.items() if ids}


def _result(
    files: AuditFiles, name: ImageClass, counted: Counted, confirmed: list[str] | None
) -> ClassResult:
    suspects = counted.classes.get(name, 0)
    if confirmed is not None or not suspects:
        ids = confirmed or []
        prefix = files.ids_prefix(Look.SECOND, name)
        return ClassResult(name, len(ids), ids[:EXAMPLES], prefix, looked_again=True)
    examples = list(islice(files.ids(Look.FIRST, name), EXAMPLES))
    prefix = files.ids_prefix(Look.FIRST, name)
    return ClassResult(name, suspects, examples, prefix, looked_again=False)
