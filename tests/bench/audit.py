"""The time and the cost of an audit, from measured processor time and the model's latencies.

    python -m tests.bench.audit [--images N] [--json FILE]

Each kind of listing is listed from services that answer at once on the wire, into files in memory;
then partitions of an audit's full size are compared. From the processor time of each entry, and
the latencies that the model assumes, follow the hours of forty million images and the dollars of a
million. The contents of a library are assumed, with the other assumptions, below.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest

from reindex.composition.audit import AuditSteps
from reindex.composition.run import RunSteps
from reindex.domain.audit import DocumentFacts, Entry
from reindex.domain.audit_classes import Listing
from reindex.domain.digest import id_hash
from reindex.domain.key_templates import KeyTemplate
from reindex.reports import prices
from reindex.reports.footprint import AUDITORS, gb
from reindex.settings import Elasticsearch, LibrarySettings, Pace, Settings
from reindex.steps.audit import MAX_PARTS, PARTITION_IMAGES
from reindex.steps.audit_files import HELD_ENTRIES, AuditFiles, Spill
from reindex.stores.aws import client_config
from reindex.stores.interfaces.listings import EntryListing
from reindex.stores.listings import PAGE_DOCUMENTS, library_listings
from reindex.stores.search.ids import SLICES
from reindex.stores.sources import source_session
from tests.bench.crop_listings import OBJECTS, ONE_IN, crop_keys, library
from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report, spent
from tests.bench.wire import LIST_PAGE, Answer, access, answer_at_once, list_objects
from tests.bench.workload import projected
from tests.twins.ports import MemoryPorts
from tests.twins.run_files import MemoryRunFiles

IMAGES: Final = 40_000_000
MILLION: Final = 1_000_000

#: The budgets.
DOLLARS_PER_MILLION: Final = 0.5
HOURS: Final = 1.0
MEMORY_MB: Final = 1_200

#: These figures are assumed, not measured.
LIST_SECONDS: Final = 0.1
#: A megabyte of a table's scan, and a page of whole documents from a cluster that has other work.
SCAN_SECONDS: Final = 0.1
PAGE_SECONDS: Final = 0.25
PUT_SECONDS: Final = 0.04
#: Rows of the library's tables for each image, and bytes of each; and of the progress table.
ROWS_PER_IMAGE: Final = 2.0
ROW_BYTES: Final = 700
PROGRESS_BYTES: Final = 250
#: The second look at some thousands of images.
LOOK_SECONDS: Final = 300

_LIBRARY = LibrarySettings(
    "originals", thumbnails_bucket="thumbnails", crops_bucket="crops", edits_table="edits"
)

#: Rows in a megabyte.
_SCANNED = MILLION // ROW_BYTES


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of listing in the model.

    Attributes:
        listing: That was measured for it.
        per_image: Its entries for each image.
        page: Entries of a page.
        page_seconds: How long the service takes for it.
        page_dollars: What it asks for it.
    """

    listing: Listing
    per_image: float
    page: float
    page_seconds: float
    page_dollars: float


def scan_dollars() -> float:
    """A megabyte, read with eventual consistency: half a unit for each 4 KB."""
    return MILLION / 4_096 / 2 * prices.READ_UNIT


KINDS: Final[Mapping[str, Kind]] = {
    "originals": Kind(Listing.ORIGINALS, 1, LIST_PAGE, LIST_SECONDS, prices.S3_WRITE),
    "thumbnails": Kind(Listing.ORIGINALS, 1, LIST_PAGE, LIST_SECONDS, prices.S3_WRITE),
    "crops": Kind(Listing.CROPS, OBJECTS / ONE_IN, LIST_PAGE, LIST_SECONDS, prices.S3_WRITE),
    "user data": Kind(
        Listing.EDITS, ROWS_PER_IMAGE, MILLION / ROW_BYTES, SCAN_SECONDS, scan_dollars()
    ),
    "progress table": Kind(
        Listing.EDITS, 1, MILLION / PROGRESS_BYTES, SCAN_SECONDS, scan_dollars()
    ),
    "documents": Kind(Listing.DOCUMENTS, 1, PAGE_DOCUMENTS, PAGE_SECONDS, 0),
}


def measure(images: int) -> Result:
    """List and compare, and work the model out."""
    ids = library(images)
    per_entry = {
        Listing.ORIGINALS: _per_entry(_objects(ids, Listing.ORIGINALS)),
        Listing.CROPS: _per_entry(_objects(ids, Listing.CROPS)),
        Listing.EDITS: _per_entry(_rows(ids)),
        Listing.DOCUMENTS: _per_entry(_documents(ids[: images // 5])),
    }
    compared, memory = _compare(ids)
    hours, dollars = model(per_entry, compared)
    rows = [
        *(
            Row(f"processor per entry, {listing}", f"{seconds * 1e6:.0f} µs")
            for listing, seconds in per_entry.items()
        ),
        Row("processor per image, compared", f"{compared * 1e6:.0f} µs"),
        Row(
            f"memory of a partition of {PARTITION_IMAGES:,} images",
            f"{memory:.0f} MB",
            f"<= {MEMORY_MB} MB",
            holds=memory <= MEMORY_MB,
        ),
        Row(f"hours for {IMAGES:,}", f"{hours:.2f}", f"<= {HOURS}", holds=hours <= HOURS),
        Row(
            "$ per million",
            f"{dollars:.3f}",
            f"<= {DOLLARS_PER_MILLION}",
            holds=dollars <= DOLLARS_PER_MILLION,
        ),
    ]
    figures = {f"processor seconds per entry, {n}": s for n, s in per_entry.items()}
    figures |= {
        "processor seconds per image, compared": compared,
        "megabytes of a partition": memory,
        "hours": hours,
        "dollars per million": dollars,
    }
    return Result(rows, figures)


def model(per_entry: Mapping[Listing, float], compared: float) -> tuple[float, float]:
    """Return the hours of forty million images, and the dollars of a million of those.

    Args:
        per_entry: Processor seconds of an entry, by what was listed.
        compared: Processor seconds of an image's comparison.
    """
    partitions = IMAGES / PARTITION_IMAGES
    entries = sum(kind.per_image for kind in KINDS.values())
    # Every file of entries is written once and read once; eight are on their way at a time.
    files = entries * IMAGES * partitions / HELD_ENTRIES
    waiting = files * 2 * PUT_SECONDS / 8
    dollars = files * (prices.S3_WRITE + prices.S3_READ)
    listing = {}
    for name, kind in KINDS.items():
        pages = kind.per_image * IMAGES / kind.page
        computing = per_entry[kind.listing] * kind.per_image * IMAGES
        share = kind.per_image / entries
        listing[name] = pages * kind.page_seconds + computing + share * waiting
        dollars += pages * kind.page_dollars
    seconds = sum(listing.values()) + compared * IMAGES
    dollars += seconds * gb("audit") * prices.GB_SECOND
    dollars += (len(KINDS) * MAX_PARTS + partitions) * 3 * prices.TRANSITION
    # The index is listed in few slices.
    listed = max(sum(listing.values()) / AUDITORS, listing["documents"] / SLICES)
    compares = compared * IMAGES / AUDITORS
    hours = (listed + compares + Pace().settle_seconds + LOOK_SECONDS) / 3_600
    return hours, dollars / IMAGES * MILLION


def _per_entry(listing: tuple[EntryListing, Callable[[], float]]) -> float:
    """List all of it into files; return our processor seconds of an entry."""
    store, answering = listing
    files = AuditFiles(MemoryRunFiles(), "bench")
    listed = 0

    def work() -> None:
        nonlocal listed
        spill = Spill(files, round(IMAGES / PARTITION_IMAGES), 0, 0)
        [part] = store.parts(1)
        cursor = None
        while True:
            page = store.page(part, cursor)
            spill.add(page.entries)
            listed += len(page.entries)
            cursor = page.next
            if cursor is None:
                break
        spill.flush()

    return (spent(work).processor - answering()) / listed


class _Answering:
    """Makes the answers, and counts their processor time, which the listing does not include."""

    def __init__(self, answer: Callable[[AWSPreparedRequest], Answer]) -> None:
        self._answer = answer
        self.seconds = 0.0

    def __call__(self, request: AWSPreparedRequest) -> Answer:
        started = time.thread_time()
        given = self._answer(request)
        self.seconds += time.thread_time() - started
        return given


def _listings(answers: Mapping[str, tuple[str, _Answering]]) -> Mapping[Listing, EntryListing]:
    clients: dict[str, Any] = {}
    for service in ("s3", "dynamodb"):
        clients[service] = source_session().client(service, **access(client_config()))
    for service, (operation, answer) in answers.items():
        answer_at_once(clients[service], operation, answer)
    return library_listings(clients["s3"], clients["dynamodb"], _LIBRARY, own_documents=True)


def _objects(ids: Sequence[str], listing: Listing) -> tuple[EntryListing, Callable[[], float]]:
    template = KeyTemplate(_LIBRARY.original_key)
    keys = crop_keys(ids) if listing is Listing.CROPS else [template.key(i) for i in ids]
    answer = _Answering(lambda request: list_objects(request, keys))
    found = _listings({"s3": ("ListObjectsV2", answer)})[listing]
    return found, lambda: answer.seconds


def _rows(ids: Sequence[str]) -> tuple[EntryListing, Callable[[], float]]:
    def scan(request: AWSPreparedRequest) -> Answer:
        body = request.body
        assert isinstance(body, bytes | str)
        start = int(json.loads(body).get("ExclusiveStartKey", {"at": {"N": "0"}})["at"]["N"])
        items = [
            {"id": {"S": image_id}, "lastModified": {"S": "2026-03-01T18:00:00.000Z"}}
            for image_id in ids[start : start + _SCANNED]
        ]
        answer: dict[str, Any] = {"Items": items, "Count": len(items)}
        if start + _SCANNED < len(ids):
            answer["LastEvaluatedKey"] = {"at": {"N": str(start + _SCANNED)}}
        return Answer(json.dumps(answer).encode())

    answer = _Answering(scan)
    return _listings({"dynamodb": ("Scan", answer)})[Listing.EDITS], lambda: answer.seconds


class _Documents:
    """The index, with every page of hits ready as the cluster sends it."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.making = 0.0
        self._ids = ids

    def parts(self, at_most: int) -> Sequence[Mapping[str, Any]]:
        return [{"of": at_most}]

    def hits(
        self, _: object, after: Mapping[str, Any] | None, size: int, __: object
    ) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
        started = time.thread_time()
        start = after["start"] if after else 0
        some = self._ids[start : start + size]
        sources = (f'{{"_id": "{i}", "_source": {projected(i).image}}}' for i in some)
        text = f"[{', '.join(sources)}]"
        self.making += time.thread_time() - started
        end = start + size
        return json.loads(text), {"start": end} if end < len(self._ids) else None


def _documents(ids: Sequence[str]) -> tuple[EntryListing, Callable[[], float]]:
    from reindex.stores.listings import DocumentListing  # noqa: PLC0415 - beside its fake

    pages = _Documents(ids)
    listing = DocumentListing(pages, lambda: len(ids), ())  # type: ignore[arg-type]
    return listing, lambda: pages.making


_SETTINGS = Settings.of(Elasticsearch("https://own.example:9200", "images"), Pace(settle_seconds=0))


def _compare(ids: Sequence[str]) -> tuple[float, float]:
    """Compare a partition of full size; return processor seconds of an image, and megabytes."""
    files = MemoryRunFiles()
    audit_files = AuditFiles(files, "bench")
    audit_files.keep_plan(
        {"listings": list(Listing), "partitions": 1, "deep": False, "parts": [], "started_at": 0}
    )
    some = ids[:PARTITION_IMAGES]
    texts = [json.dumps(entry) for entry in _entries(some)]
    audit_files.write(0, "0000-0000", texts)
    del texts
    ports = MemoryPorts(settings=_SETTINGS, files=files)
    auditing = AuditSteps(ports, RunSteps(ports)).auditing
    taken = spent(lambda: auditing.compare("bench", 0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return taken.processor / len(some), peak


def _entries(ids: Sequence[str]) -> Iterator[Entry]:
    facts = DocumentFacts.of(json.loads(projected(ids[0]).image), ())
    for number, image_id in enumerate(ids):
        yield image_id, Listing.ORIGINALS, 1_700_000_000
        yield image_id, Listing.THUMBNAILS, 1_700_000_000
        yield image_id, Listing.DOCUMENTS, facts
        yield image_id, Listing.PROGRESS, ["verified", facts.digest]
        for table in (Listing.EDITS, Listing.USAGES):
            yield image_id, table, 1_700_000_000.0
        for crop in range(OBJECTS if number % ONE_IN == 0 else 0):
            yield image_id, Listing.CROPS, id_hash(f"{image_id}/{crop}")


def main() -> int:
    """Measure, and print it."""
    parser = parser_of("audit", __doc__)
    parser.add_argument("--images", type=int, default=PARTITION_IMAGES)
    arguments = parser.parse_args()
    return report(measure(arguments.images), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
