"""The classes of an audit: how what is listed of one image disagrees. Pure.

An audit lists every store once. Each listed object, row or document is an *entry*: the image id,
the listing it is from, and a small JSON value. The entries of one image, in any order and any
number of times, make its :class:`ImageFacts`, and these decide its classes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from reindex.domain import stamps
from reindex.domain.audit_classes import ImageClass, Listing
from reindex.domain.digest import digest, id_hash
from reindex.domain.provenance import PROVENANCE_TIME, Provenance
from reindex.domain.states import State

#: The listings of the library's tables, and the time stamps of their rows (dotted paths).
ROW_STAMPS: Final[Mapping[Listing, Sequence[str]]] = {
    Listing.USAGES: ("last_modified",),
    Listing.LEASES: ("createdAt",),
    Listing.COLLECTIONS: ("collections.actionData.date",),
    Listing.EDITS: ("lastModified",),
    Listing.SYNDICATION: (),
    Listing.STATUS: ("deleteTime",),
}


#: The listing of the truth in which an image of a class is absent. While that listing is in doubt,
#: so is the class.
ABSENT_FROM: Final[Mapping[ImageClass, Listing]] = {
    ImageClass.DOCUMENT_WITHOUT_ORIGINAL: Listing.ORIGINALS,
    ImageClass.ROWS_WITHOUT_ORIGINAL: Listing.ORIGINALS,
    ImageClass.UPLOADED_WITHOUT_ORIGINAL: Listing.ORIGINALS,
    ImageClass.THUMBNAIL_MISSING: Listing.THUMBNAILS,
    ImageClass.OPTIMISED_PNG_MISSING: Listing.OPTIMISED_PNGS,
    ImageClass.CROP_MISSING: Listing.CROPS,
}

#: The writer of a document.
RUN, LIVE_LANE, OTHERS = "run", "live", ""

Entry = tuple[str, str, Any]
"""Image id, :class:`Listing`, and the listing's value: JSON, see :meth:`ImageFacts.add`."""


class DocumentFacts(NamedTuple):
    """The facts that an audit keeps of a document.

    Attributes:
        written_by: ``RUN``, ``LIVE_LANE`` or ``OTHERS``.
        projected_as: Digest in its provenance; empty without provenance.
        digest: Of the document as it is stored.
        projected_at: Time of its projection, epoch seconds; 0 when it is not known.
        modified_at: Its latest time stamp, epoch seconds; 0 without any.
        has_thumbnail: True if it names a thumbnail.
        has_optimised_png: True if it names an optimised PNG.
        crops: Hashes of the keys of its crops.
    """

    written_by: str
    projected_as: str
    digest: str
    projected_at: float
    modified_at: float
    has_thumbnail: bool
    has_optimised_png: bool
    crops: Sequence[int]

    @classmethod
    def of(cls, source: Mapping[str, Any], preserve: Sequence[str]) -> DocumentFacts:
        """Read a stored document; others may have written it, so any field may have any type."""
        provenance = Provenance.of(source)
        written_by = OTHERS
        if provenance:
            written_by = LIVE_LANE if provenance.is_live else RUN
        return cls(
            written_by=written_by,
            projected_as=provenance.digest if provenance else "",
            digest=digest(source, preserve),
            projected_at=stamps.latest(source, [PROVENANCE_TIME]) or 0.0,
            modified_at=stamps.modified_at(source) or 0.0,
            has_thumbnail="thumbnail" in source,
            has_optimised_png="optimisedPng" in source,
            crops=sorted(set(map(uri_hash, crop_uris(source.get("exports"))))),
        )


def crop_uris(exports: Any) -> Iterator[str]:
    """Yield the addresses of the files of a document's crops."""
    for crop in exports if isinstance(exports, list) else ():
        if not isinstance(crop, Mapping):
            continue
        assets = crop.get("assets")
        for each in [crop.get("master"), *(assets if isinstance(assets, list) else ())]:
            if isinstance(each, Mapping) and isinstance(each.get("file"), str):
                yield each["file"]


def key_hash(key: str) -> int:
    """Return the 64-bit hash by which the key of a crop is compared."""
    return id_hash(key)


def uri_hash(uri: str) -> int:
    """Return the same for a crop's address, whose path is its quoted key."""
    try:
        return key_hash(unquote(urlsplit(uri).path).lstrip("/"))
    except ValueError:
        # No address: no listed key has this hash.
        return key_hash(uri)


@dataclass(slots=True)
class ImageFacts:
    """The facts that the listings hold of one image.

    Attributes:
        original: True if the original is listed.
        thumbnail: True if the thumbnail is listed.
        optimised_png: True if the optimised PNG is listed.
        stored_at: Epoch seconds at which the latest of these was stored.
        crops: Hashes of the keys of its crops.
        tables: The library's tables that have rows of it.
        rows_at: The latest time stamp of those rows, epoch seconds.
        progress: State and digest of its row in the progress table; None when there is none.
        document: None when the index has none.
    """

    original: bool = False
    thumbnail: bool = False
    optimised_png: bool = False
    stored_at: float = 0.0
    crops: set[int] | None = None
    tables: set[str] | None = None
    rows_at: float = 0.0
    progress: tuple[str, str | None] | None = None
    document: DocumentFacts | None = None

    def add(self, listing: str, value: Any) -> None:
        """Add an entry; adding one twice changes nothing.

        Args:
            listing: Where it is from.
            value: Of originals and renditions, when it was stored (epoch seconds); of a crop, the
                hash of its key; of a document, the values of :class:`DocumentFacts`; of a row of
                the progress table, state and digest; of another row, its latest time stamp.
        """
        match listing:
            case Listing.ORIGINALS:
                self.original = True
                self.stored_at = max(self.stored_at, value)
            case Listing.THUMBNAILS:
                self.thumbnail = True
                self.stored_at = max(self.stored_at, value)
            case Listing.OPTIMISED_PNGS:
                self.optimised_png = True
                self.stored_at = max(self.stored_at, value)
            case Listing.CROPS:
                self.crops = (self.crops or set()) | {value}
            case Listing.DOCUMENTS:
                self.document = DocumentFacts(*value)
            case Listing.PROGRESS:
                state, projected_as = value
                self.progress = (state, projected_as)
            case _:
                self.tables = (self.tables or set()) | {listing}
                self.rows_at = max(self.rows_at, value or 0.0)


def collect(entries: Iterable[Entry]) -> dict[str, ImageFacts]:
    """Return the facts of each image that the entries are about."""
    facts: dict[str, ImageFacts] = {}
    for image_id, listing, value in entries:
        facts.setdefault(image_id, ImageFacts()).add(listing, value)
    return facts


def classes(facts: ImageFacts, listed: Collection[Listing]) -> list[ImageClass]:
    """Return the classes of an image.

    Args:
        facts: What the listings hold of it.
        listed: The listings that were made: what was not listed is not missing.
    """
    return [name for name, applies in _RULES.items() if applies(facts, listed)]


def is_stale(facts: ImageFacts) -> bool:
    """Return True if the document is likely to be older than its truth, or other than it.

    Only a projection can decide. A live writer's update that set one of the document's time
    stamps counts as the truth that it follows.
    """
    document = facts.document
    if document is None or document.written_by == OTHERS:
        return False
    known_until = max(document.projected_at, document.modified_at)
    is_other_projection = (
        facts.progress is not None
        and facts.progress[0] == State.VERIFIED
        and document.written_by == RUN
        and facts.progress[1] != document.projected_as
    )
    was_changed = document.digest != document.projected_as
    return (
        facts.stored_at > document.projected_at
        or facts.rows_at > known_until
        or is_other_projection
        or (was_changed and document.modified_at <= document.projected_at)
    )


def _without_document(facts: ImageFacts, _: Collection[Listing]) -> bool:
    return facts.original and facts.document is None


def _without_original(facts: ImageFacts, _: Collection[Listing]) -> bool:
    return facts.document is not None and not facts.original


def _rows_without_original(facts: ImageFacts, _: Collection[Listing]) -> bool:
    return facts.tables is not None and not facts.original


def _uploaded_without_original(facts: ImageFacts, _: Collection[Listing]) -> bool:
    return facts.progress is not None and not facts.original


def _stale(facts: ImageFacts, _: Collection[Listing]) -> bool:
    return facts.original and is_stale(facts)


def _thumbnail_missing(facts: ImageFacts, listed: Collection[Listing]) -> bool:
    return Listing.THUMBNAILS in listed and facts.original and not facts.thumbnail


def _optimised_png_missing(facts: ImageFacts, listed: Collection[Listing]) -> bool:
    # Not every image has one: only its document says that there was one.
    named = facts.document is not None and facts.document.has_optimised_png
    return Listing.OPTIMISED_PNGS in listed and facts.original and named and not facts.optimised_png


def _crop_not_in_document(facts: ImageFacts, listed: Collection[Listing]) -> bool:
    there, named = _crops(facts, listed)
    return not there <= named


def _crop_missing(facts: ImageFacts, listed: Collection[Listing]) -> bool:
    there, named = _crops(facts, listed)
    return not named <= there


def _crops(facts: ImageFacts, listed: Collection[Listing]) -> tuple[set[int], set[int]]:
    """Hashes of the crops that are stored, and of those that the document names."""
    if Listing.CROPS not in listed or not facts.original or facts.document is None:
        return set(), set()
    return facts.crops or set(), set(facts.document.crops)


def _never_uploaded(facts: ImageFacts, _: Collection[Listing]) -> bool:
    # An image of the live lane has a document and needs no row.
    by_live_lane = facts.document is not None and facts.document.written_by == LIVE_LANE
    return facts.original and facts.progress is None and not by_live_lane


def _of_no_run(facts: ImageFacts, _: Collection[Listing]) -> bool:
    return facts.document is not None and facts.document.written_by == OTHERS


_RULES: Final[Mapping[ImageClass, Callable[[ImageFacts, Collection[Listing]], bool]]] = {
    ImageClass.ORIGINAL_WITHOUT_DOCUMENT: _without_document,
    ImageClass.DOCUMENT_WITHOUT_ORIGINAL: _without_original,
    ImageClass.ROWS_WITHOUT_ORIGINAL: _rows_without_original,
    ImageClass.UPLOADED_WITHOUT_ORIGINAL: _uploaded_without_original,
    ImageClass.STALE_DOCUMENT: _stale,
    ImageClass.THUMBNAIL_MISSING: _thumbnail_missing,
    ImageClass.OPTIMISED_PNG_MISSING: _optimised_png_missing,
    ImageClass.CROP_NOT_IN_DOCUMENT: _crop_not_in_document,
    ImageClass.CROP_MISSING: _crop_missing,
    ImageClass.NEVER_UPLOADED: _never_uploaded,
    ImageClass.DOCUMENT_OF_NO_RUN: _of_no_run,
}


@dataclass(slots=True)
class Counted:
    """The counts of one part of an audit, or of all parts.

    Attributes:
        listed: Entries by listing.
        originals: Originals by the first characters of their ids.
        classes: Images by class.
    """

    listed: dict[str, int] = field(default_factory=dict)
    originals: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)

    def count_originals(self, prefixes: Iterable[str]) -> None:
        """Add originals, each by what its id begins with."""
        for prefix in prefixes:
            self.originals[prefix] = self.originals.get(prefix, 0) + 1

    def add(self, other: Counted) -> None:
        """Add the counts of another part."""
        for mine, theirs in (
            (self.listed, other.listed),
            (self.originals, other.originals),
            (self.classes, other.classes),
        ):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count


#: A listing, or the part of the originals whose ids begin alike, that has lost more than this
#: share since the reference has shrunk sharply. Of fewer entries than the least nothing is said.
LISTING_LOSS: Final = 0.1
PREFIX_LOSS: Final = 0.5
LEAST_ENTRIES: Final = 100


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A listing that has shrunk sharply since the reference: an earlier audit.

    Attributes:
        listing: Which.
        prefix: What the ids of the part that shrank begin with; empty for all of them.
        before: Entries in the reference.
        now: Entries now.
    """

    listing: str
    prefix: str
    before: int
    now: int


def shrunk(reference: Counted, now: Counted) -> list[Shrunk]:
    """Return the listings that have shrunk sharply since the reference."""
    found = [
        Shrunk(name, "", then, now.listed.get(name, 0))
        for name, then in reference.listed.items()
        if then >= LEAST_ENTRIES and now.listed.get(name, 0) < (1 - LISTING_LOSS) * then
    ]
    found += [
        Shrunk(Listing.ORIGINALS, prefix, then, now.originals.get(prefix, 0))
        for prefix, then in reference.originals.items()
        if then >= LEAST_ENTRIES and now.originals.get(prefix, 0) < (1 - PREFIX_LOSS) * then
    ]
    return found
