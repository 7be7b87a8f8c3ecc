"""A complete image, and minimal images for single cases."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from reindex.image.truth import (
    Dimensions,
    FileMetadata,
    ImageTruth,
    Rendition,
    Row,
    StoredObject,
    UserData,
)

ID: Final = "5a1f0ff2a4ab1f01b5b1e07a1f0e0e4b2c9d7f11"
KEY: Final = f"5/a/1/f/0/f/{ID}"
NOW: Final = datetime(2024, 7, 1, 12, tzinfo=UTC)
UPLOADED: Final = datetime(2024, 6, 11, 9, 30, tzinfo=UTC)


def stored(
    uri: str = f"https://images.example.com/{KEY}",
    *,
    size: int = 2_345_678,
    **user_metadata: str,
) -> StoredObject:
    """An object; names of user metadata are given with `_` for `-`."""
    names = {name.replace("_", "-"): value for name, value in user_metadata.items()}
    return StoredObject(uri, size, UPLOADED, names)


def image_file(**groups: Any) -> FileMetadata:
    return FileMetadata("image/jpeg", Dimensions(4000, 3000), **groups)


def truth(**user_data: Any) -> ImageTruth:
    """An image of no metadata with the user data given."""
    return ImageTruth(ID, stored(), image_file(), user_data=UserData(**user_data))


def usage(**attributes: Any) -> dict[str, Any]:
    """A row of the usages table: published on the web, by default."""
    row: dict[str, Any] = {
        "grouping": "digital/abc",
        "usage_id": "u1",
        "media_id": ID,
        "usage_type": "digital",
        "media_type": "image",
        "usage_status": "published",
        "last_modified": Decimal(1718186400000),
        "date_added": Decimal(1718186400000),
    }
    row |= attributes
    return {name: value for name, value in row.items() if value is not None}


def lease(**attributes: Any) -> dict[str, Any]:
    """A row of the leases table: use is allowed, for ever, by default."""
    return {
        "id": "lease-1",
        "mediaId": ID,
        "access": "AllowUseLease",
        "createdAt": "2024-06-12T10:00:00.000Z",
        **attributes,
    }


def crop(
    name: str = "0_0_2000_1500/2000.jpg", *, size: int = 100_000, **user_metadata: str
) -> StoredObject:
    """An object of the crops bucket, cut out of the upper left, by default."""
    values = {
        "source": f"https://api.example.com/images/{ID}",
        "bounds_x": "0",
        "bounds_y": "0",
        "bounds_width": "2000",
        "bounds_height": "1500",
        "type": "crop",
        "author": "picture.desk@example.com",
        "date": "2024-06-13T08:00:00.000Z",
        "width": "2000",
        "height": "1500",
        "aspect_ratio": "4:3",
        **user_metadata,
    }
    return stored(f"https://crops.example.com/{ID}/{name}", size=size, **values)


def collection(*path: str, **attributes: Any) -> dict[str, Any]:
    return {
        "path": [*path],
        "description": path[-1] if path else "",
        "actionData": {"author": "desk@example.com", "date": "2024-06-14T07:00:00.000Z"},
        **attributes,
    }


def in_collections(*entries: Mapping[str, Any]) -> Row:
    return {"id": ID, "collections": [*entries]}


FULL: Final = ImageTruth(
    id=ID,
    original=replace(
        stored(),
        user_metadata={
            "uploaded-by": "jo.bloggs%40example.com",
            "upload-time": "2024-06-11T10%3A30%3A00.000%2B01%3A00",
            "file-name": "Jo+Bloggs+2024%2F06.jpg",
            "identifier!agencyref": "AB-123",
        },
    ),
    file=FileMetadata(
        mime_type="image/jpeg",
        dimensions=Dimensions(4000, 3000),
        orientation=6,
        exif={"Make": "Canon", "Orientation": "6", "Artist": "J. Bloggs"},
        exif_sub={
            "DateTimeOriginal": "2024:06:10 18:22:05",
            "SubSecTimeOriginal": "12",
            "OffsetTimeOriginal": "+01:00",
        },
        iptc={
            "By-line": ["Jo Bloggs"],
            "Keywords": ["election", "london"],
            "Category": "P",
            "Supplemental Categories": ["SPO"],
            "Country/Primary Location Code": "GBR",
        },
        xmp={
            "dc:description": "Voters queue outside a polling station.",
            "dc:creator": ["Jo Bloggs"],
            "dc:rights": "© Jo Bloggs 2024",
            "photoshop:Headline": "Election day",
            "photoshop:Credit": "Example Pictures",
            "photoshop:City": "London",
            "Iptc4xmpExt:PersonInImage": ["Ann Other"],
        },
        icc={"Profile Description": "sRGB IEC61966-2.1"},
        getty={"GettyImagesGIFT:Personality": ["Zoe Public"]},
        colour_model="RGB",
        colour_model_information={"bitsPerSample": "8", "hasAlpha": "false"},
    ),
    thumbnail=Rendition(
        stored(f"https://thumbs.example.com/{KEY}", size=12_345),
        "image/jpeg",
        Dimensions(192, 256),
    ),
    optimised_png=Rendition(
        stored(f"https://images.example.com/optimised/{KEY}", size=456_789),
        "image/png",
        Dimensions(3000, 4000),
    ),
    user_data=UserData(
        usages=(
            usage(
                digital_metadata={
                    "webUrl": "https://www.example.com/politics/election-day",
                    "webTitle": "Election day in pictures",
                    "sectionId": "politics",
                    "composerUrl": "https://composer.example.com/1",
                },
            ),
            usage(
                grouping="print/def",
                usage_type="print",
                usage_status="pending",
                last_modified=Decimal(1718190000000),
                print_metadata={
                    "sectionName": "Home",
                    "issueDate": "2024-06-13T00:00:00.000Z",
                    "pageNumber": Decimal(3),
                    "storyName": "Election",
                    "publicationCode": "exa",
                    "publicationName": "The Example",
                    "layoutId": Decimal(77),
                    "edition": Decimal(1),
                    "size": {"x": Decimal(120), "y": Decimal(80)},
                    "orderedBy": "night desk",
                    "sectionCode": "hom",
                },
            ),
            usage(
                grouping="syndication/ghi",
                usage_type="syndication",
                last_modified=Decimal(1718180000000),
                date_added=Decimal(1718170000000),
                date_removed=Decimal(1718180000000),
                syndication_metadata={"partnerName": "Partner", "syndicatedBy": "Jo Bloggs"},
            ),
        ),
        leases=(
            lease(notes="Front page only", leasedBy="rights@example.com"),
            lease(
                id="lease-2",
                access="DenySyndicationLease",
                startDate="2024-06-01T00:00:00.000Z",
                endDate="2024-06-30T00:00:00.000Z",
                createdAt="2024-06-11T10:00:00.000Z",
            ),
        ),
        collections=in_collections(collection("News", "Election 2024")),
        edits={
            "id": ID,
            "archived": True,
            "labels": {"front page", "election"},
            "metadata": {
                "title": "Polling day",
                "specialInstructions": "No cropping",
                "domainMetadata": {"desk": {"priority": Decimal(2)}},
            },
            "usageRights": {"category": "staff-photographer", "photographer": "Jo Bloggs"},
            "photoshoot": {"title": "Election 2024"},
            "lastModified": "2024-06-15T11:00:00.000Z",
        },
        syndication={
            "id": ID,
            "syndicationRights": {
                "published": "2024-06-12T00:00:00.000Z",
                "suppliers": [
                    {"supplierName": "Jo Bloggs", "supplierId": "9", "prAgreement": True}
                ],
                "rights": [
                    {
                        "rightCode": "WEB",
                        "acquired": True,
                        "properties": [
                            {"propertyCode": "TERM", "expiresOn": "2030-01-01T00:00:00.000Z"}
                        ],
                    }
                ],
                "isInferred": False,
            },
        },
        status={
            "id": ID,
            "isDeleted": True,
            "deleteTime": "2024-06-20T00:00:00.000Z",
            "deletedBy": "cleaner@example.com",
        },
        crops=(
            crop("0_0_2000_1500/master/2000.jpg", size=900_000, rotation="0"),
            crop("0_0_2000_1500/1000.jpg", width="1000", height="750"),
            crop("0_0_2000_1500/500.jpg", size=50_000, width="500", height="375"),
        ),
    ),
)
