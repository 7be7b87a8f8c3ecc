"""The listings of an audit: buckets in order of keys, tables in segments, the index in slices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from reindex.domain import stamps
from reindex.domain.audit import ROW_STAMPS, DocumentFacts, Entry, key_hash
from reindex.domain.audit_classes import Listing
from reindex.domain.key_templates import KeyTemplate
from reindex.settings import LibrarySettings, user_tables
from reindex.stores.aws import unavailable
from reindex.stores.id_sources import KeyRanges, kinds_in, ranges
from reindex.stores.interfaces.id_sources import Part
from reindex.stores.interfaces.listings import EntryListing, EntryPage
from reindex.stores.interfaces.paging import Cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import ScanInputTypeDef
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    from reindex.stores.search.ids import IndexSlices

#: Documents of a page: whole ones may have 100 KB each.
PAGE_DOCUMENTS = 500

_SERVICE = "DynamoDB"

#: First characters of ids in hexadecimal. Where ids are others, parts are less even.
_FIRST_CHARACTERS = "123456789abcdef"

_plain = TypeDeserializer().deserialize


class _KeyListing(ABC):
    """The objects of one kind in a bucket.

    Args:
        keys: Of the bucket, in parts.
    """

    def __init__(self, keys: KeyRanges) -> None:
        self._keys = keys

    def size(self) -> int:
        """Return 0: S3 does not count objects."""
        return 0

    def parts(self, at_most: int) -> Sequence[Part]:
        """See :meth:`reindex.stores.id_sources.KeyRanges.parts`."""
        return self._keys.parts(at_most)

    def page(self, part: Part, after: Cursor | None) -> EntryPage:
        """Return the entries of the next thousand keys; a page may have none.

        Raises:
            StoreUnavailable: S3 does not list the bucket.
        """
        found, following = self._keys.page(part, after)
        entries = [entry for each in found if (entry := self._entry(each)) is not None]
        return EntryPage(entries, following)

    @abstractmethod
    def _entry(self, found: ObjectTypeDef) -> Entry | None:
        """Return the entry of an object; None if its key names no image."""


class ObjectListing(_KeyListing):
    """The objects of one kind, each with the time at which it was stored.

    Args:
        client: Of S3.
        bucket: Its name.
        library: Which other kinds the bucket holds.
        listing: Of which the entries are.
        template: Of the keys.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        library: LibrarySettings,
        listing: Listing,
        template: str,
    ) -> None:
        self._template = KeyTemplate(template)
        self._listing = listing
        super().__init__(KeyRanges(client, bucket, self._template, kinds_in(library, bucket)))

    def _entry(self, found: ObjectTypeDef) -> Entry | None:
        image_id = self._template.image_id(found["Key"])
        if image_id is None:
            return None
        return image_id, self._listing, int(found["LastModified"].timestamp())


class CropListing(_KeyListing):
    """The objects of crops, each with the hash of its key.

    Args:
        client: Of S3.
        bucket: Its name.
        library: How crops are named, and which other kinds the bucket holds. An id that itself
            holds a slash cannot be read from a key whose folder is the id: its crops are listed
            under another id, and only a second look at the image tells.
    """

    def __init__(self, client: S3Client, bucket: str, library: LibrarySettings) -> None:
        self._folder = KeyTemplate(library.crops_folder)
        self._slashes = self._folder.prefix.count("/") + self._folder.folders
        super().__init__(KeyRanges(client, bucket, self._folder, kinds_in(library, bucket)))

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut the bucket by the first characters of ids, which need not be folders."""
        if at_most == 1:
            return ranges([])
        return ranges([f"{self._folder.prefix}{each}" for each in _FIRST_CHARACTERS])

    def _entry(self, found: ObjectTypeDef) -> Entry | None:
        folders = found["Key"].split("/")[: self._slashes]
        image_id = self._folder.image_id("/".join([*folders, ""]))
        return None if image_id is None else (image_id, Listing.CROPS, key_hash(found["Key"]))


class TableListing:
    """The rows of a table, each as an entry of the image that it is about.

    A row that names no image is passed over.

    Args:
        client: Of DynamoDB.
        table: Its name.
        listing: Of which the entries are.
        attribute: Holds the image id.
        value: Makes an entry's value of a row.
        names: Top-level attributes that ``value`` needs.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        listing: Listing,
        attribute: str,
        value: Callable[[Mapping[str, Any]], Any],
        names: Sequence[str],
    ) -> None:
        self._client = client
        self._table = table
        self._listing = listing
        self._attribute = attribute
        self._value = value
        self._names = {f"#{number}": name for number, name in enumerate({attribute, *names})}

    @unavailable(_SERVICE)
    def size(self) -> int:
        """Return the rows that the table had within the last six hours.

        Raises:
            StoreUnavailable: DynamoDB does not say.
        """
        return self._client.describe_table(TableName=self._table)["Table"].get("ItemCount", 0)

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut the table into segments."""
        return [{"segment": segment, "segments": at_most} for segment in range(at_most)]

    @unavailable(_SERVICE)
    def page(self, part: Part, after: Cursor | None) -> EntryPage:
        """Return the entries of the next megabyte of rows; a page may have none.

        Raises:
            StoreUnavailable: DynamoDB does not give it.
        """
        request: ScanInputTypeDef = {
            "TableName": self._table,
            "Segment": part["segment"],
            "TotalSegments": part["segments"],
            "ProjectionExpression": ", ".join(self._names),
            "ExpressionAttributeNames": self._names,
        }
        if after:
            request["ExclusiveStartKey"] = after
        answer = self._client.scan(**request)
        entries: list[Entry] = []
        for item in answer["Items"]:
            row = {name: _plain(value) for name, value in item.items()}
            image_id = row.get(self._attribute)
            if isinstance(image_id, str) and image_id:
                entries.append((image_id, self._listing, self._value(row)))
        return EntryPage(entries, answer.get("LastEvaluatedKey"))


class DocumentListing:
    """The documents of the index.

    Args:
        slices: Of all documents.
        count: Returns how many there are.
        preserve: Dotted fields that the index holds and the truth does not.
    """

    def __init__(
        self, slices: IndexSlices, count: Callable[[], int], preserve: Sequence[str]
    ) -> None:
        self._slices = slices
        self._count = count
        self._preserve = preserve

    def size(self) -> int:
        """Return how many documents there are.

        Raises:
            IndexMisconfigured: There is not one index behind the alias.
            StoreUnavailable: The cluster does not answer.
        """
        return self._count()

    def parts(self, at_most: int) -> Sequence[Part]:
        """See :meth:`reindex.stores.search.ids.IndexSlices.parts`."""
        return self._slices.parts(at_most)

    def page(self, part: Part, after: Cursor | None) -> EntryPage:
        """Return the entries of the next documents of a slice.

        Raises:
            StoreUnavailable: The cluster does not answer, or no longer keeps a point in time.
        """
        hits, following = self._slices.hits(part, after, PAGE_DOCUMENTS, ["*"])
        entries: list[Entry] = [
            (
                hit["_id"],
                Listing.DOCUMENTS,
                DocumentFacts.of(hit.get("_source", {}), self._preserve),
            )
            for hit in hits
        ]
        return EntryPage(entries, following)


def progress_listing(client: DynamoDBClient, table: str) -> TableListing:
    """Return the listing of the progress table."""
    return TableListing(
        client,
        table,
        Listing.PROGRESS,
        "id",
        lambda row: [row.get("state"), row.get("digest")],
        ("state", "digest"),
    )


def library_listings(
    s3: S3Client, dynamodb: DynamoDBClient, library: LibrarySettings, *, own_documents: bool
) -> dict[Listing, EntryListing]:
    """Return the listings of a library: of what it keeps.

    Args:
        s3: Client of S3.
        dynamodb: Client of DynamoDB.
        library: Its settings.
        own_documents: Whether documents have the shape of ``docs/document.md``. In documents of
            another shape crops and optimised PNGs are not looked for.
    """
    found: dict[Listing, EntryListing] = {
        Listing.ORIGINALS: ObjectListing(
            s3, library.originals_bucket, library, Listing.ORIGINALS, library.original_key
        )
    }
    if library.thumbnails_bucket:
        found[Listing.THUMBNAILS] = ObjectListing(
            s3, library.thumbnails_bucket, library, Listing.THUMBNAILS, library.thumbnail_key
        )
    if library.optimised_pngs and own_documents:
        found[Listing.OPTIMISED_PNGS] = ObjectListing(
            s3,
            library.originals_bucket,
            library,
            Listing.OPTIMISED_PNGS,
            library.optimised_png_key,
        )
    if library.crops_bucket and own_documents:
        found[Listing.CROPS] = CropListing(s3, library.crops_bucket, library)
    for table in user_tables(library):
        listing = Listing(table.part)
        names = [path.split(".")[0] for path in ROW_STAMPS[listing]]
        found[listing] = TableListing(
            dynamodb, table.name, listing, table.attribute, _stamp_of(listing), names
        )
    return found


def _stamp_of(listing: Listing) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda row: stamps.latest(row, ROW_STAMPS[listing])
