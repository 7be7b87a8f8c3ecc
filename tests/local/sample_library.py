"""A library to reindex: images of many kinds, what people said of them, and how each should end.

Pure and the same every time: nothing is written anywhere, no clock is read. ``fill.py`` puts a
library into buckets and tables.
"""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Self

from reindex.domain.failures import (
    InvalidUserData,
    NotAnImage,
    OriginalNotFound,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)
from reindex.domain.states import State
from reindex.image.truth import Row
from tests.local.picture_files import Camera, Format, PictureFile, Size

Table = Literal["usages", "leases", "collections", "edits", "syndication", "status"]
Rows = Mapping[Table, Sequence[Row]]
Outcome = tuple[State, str | None]
"""Where an image's row came to rest, and the code of its failure, if it has one."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reindex of an image should end.

    Attributes:
        state: Of its row.
        code: Of its failure, if it is one.
        or_explained: True if it may also fail with any known code: the content of the file is not
            known beforehand.
    """

    state: State
    code: str | None = None
    or_explained: bool = False

    def allows(self, outcome: Outcome) -> bool:
        """Whether an image that ended so is as it should be."""
        state, code = outcome
        if self.or_explained and state is State.KNOWN_ERROR:
            return code is not None
        return outcome == (self.state, self.code)

    def __str__(self) -> str:
        return (
            f"{self.state}{_in_brackets(self.code)}{' or explained' if self.or_explained else ''}"
        )


VERIFIED: Final = Ending(State.VERIFIED)
NOT_FOUND: Final = Ending(State.NOT_FOUND, OriginalNotFound.code)
VERIFIED_OR_EXPLAINED: Final = Ending(State.VERIFIED, or_explained=True)


@dataclass(frozen=True, slots=True)
class SampleCrop:
    """One object of the crops bucket.

    Attributes:
        name: Its key below the image's folder.
        body: Its bytes.
        object_metadata: Not encoded yet.
    """

    name: str
    body: bytes
    object_metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SampleImage:
    """One image of the library.

    Attributes:
        id: The SHA-1 of its bytes, as a rule.
        ending: How its reindex should end.
        original: Its bytes; None when there is no original.
        object_metadata: Of the original, not encoded yet.
        thumbnail: The thumbnail's bytes, if there is one.
        crops: What was cut from it.
        rows: Its user data by table.
    """

    id: str
    ending: Ending
    original: bytes | None = None
    object_metadata: Mapping[str, str] = field(default_factory=dict)
    thumbnail: bytes | None = None
    crops: Sequence[SampleCrop] = ()
    rows: Rows = field(default_factory=dict)

    @property
    def title(self) -> str | None:
        """The title that people gave it."""
        edits = next(iter(self.rows.get("edits", ())), {})
        title: str | None = edits.get("metadata", {}).get("title")
        return title


@dataclass(frozen=True, slots=True)
class SampleLibrary:
    """Images, each with another id."""

    images: Sequence[SampleImage]

    @property
    def ids(self) -> list[str]:
        """Of all images, those without an original included."""
        return [image.id for image in self.images]

    def deviations(self, outcomes: Mapping[str, Outcome]) -> list[str]:
        """One line for each image that did not end as it should.

        Args:
            outcomes: By image id; an image that is not in it was never uploaded.
        """
        found = []
        for image in self.images:
            outcome = outcomes.get(image.id)
            if outcome is None:
                found.append(f"{image.id}: should end {image.ending}, and has no row")
            elif not image.ending.allows(outcome):
                state, code = outcome
                ended = f"{state}{_in_brackets(code)}"
                found.append(f"{image.id}: should end {image.ending}, and ended {ended}")
        return found

    @classmethod
    def generate(cls, count: int = 220) -> Self:
        """Make a library of ``count`` sound images, and of some two dozen that are not.

        The first image is :func:`showpiece`.
        """
        everyday = islice(_everyday_images(), max(0, count - 1))
        return cls([showpiece(), *everyday, *_odd_but_sound(), *_failing()])

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Make a library of all files of a folder, and of those below it.

        Files of the same bytes are one image. People have given each the title that its file's
        name suggests, and have used every fourth.

        Raises:
            FileNotFoundError: There is no such folder, or no file in it.
        """
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if not files:
            raise FileNotFoundError(f"{folder} holds no files")
        images: dict[str, SampleImage] = {}
        for number, path in enumerate(files):
            original = path.read_bytes()
            rng = random.Random(number)
            rows = _merged(
                _titled(_sha1(original), path.stem.replace("_", " ")),
                _used(_sha1(original), rng) if number % 4 == 0 else {},
            )
            images.setdefault(
                _sha1(original),
                SampleImage(
                    _sha1(original),
                    VERIFIED_OR_EXPLAINED,
                    original,
                    {**_upload(rng), "file-name": path.name},
                    rows=rows,
                ),
            )
        return cls(list(images.values()))


SHOWPIECE_TITLE: Final = "Swans on the frozen canal"
SHOWPIECE_CREDIT: Final = "Waterside Pictures"
SHOWPIECE_KEYWORD: Final = "cold spell"


def showpiece() -> SampleImage:
    """The image that has everything: all metadata, every kind of usage, and an edited title."""
    original = PictureFile(
        "JPEG",
        (2400, 1800),
        camera=Camera(
            *("NIKON CORPORATION", "NIKON Z 9", "2024:01:12 08:15:30"),
            orientation=6,
            artist="Imke de Vries",
            copyright="© Imke de Vries 2024",
            position=(52.3702, 4.8952),
        ),
        xmp={
            "photoshop:Headline": "Swans",
            "dc:description": "Swans rest on the ice of the Prinsengracht in Amsterdam.",
            "dc:creator": ["Imke de Vries"],
            "dc:subject": ["swans", "ice", "Amsterdam"],
            "photoshop:Credit": "Freelance",
            "Iptc4xmpExt:PersonInImage": ["Joost Bakker", "Ann Other"],
        },
        iptc=[
            ((2, 80), "Imke de Vries"),
            ((2, 105), "Swans (of the IPTC record)"),
            ((2, 90), "Amsterdam"),
            ((2, 101), "Netherlands"),
            ((2, 103), "WS-2024-0112"),
            ((2, 15), "ENV"),
        ],
    ).make()
    id_ = _sha1(original)
    rows: dict[Table, Sequence[Row]] = {
        "usages": [_usage(id_, kind, number) for number, kind in enumerate(_USAGE_KINDS)],
        "leases": [
            _lease(id_, 0, "AllowUseLease", notes="Front page only"),
            _lease(id_, 1, "DenySyndicationLease", end=_EXPIRED),
        ],
        "collections": [_in_collections(id_, ("News", "Winter 2024"), ("Features", "Wildlife"))],
        "edits": [
            {
                "id": id_,
                "archived": True,
                "labels": {"front page", "weather"},
                "metadata": {
                    "title": SHOWPIECE_TITLE,
                    "credit": SHOWPIECE_CREDIT,
                    "keywords": {SHOWPIECE_KEYWORD, "swans"},
                    "domainMetadata": {"desk": {"priority": 2}},
                },
                "usageRights": {
                    "category": "contract-photographer",
                    "photographer": "Imke de Vries",
                    "publication": "The Example",
                },
                "photoshoot": {"title": "Winter 2024"},
                "lastModified": _iso(_PUBLISHED),
            }
        ],
        "syndication": [_syndication(id_)],
    }
    return SampleImage(
        id_,
        VERIFIED,
        original,
        {
            "uploaded-by": "picture.desk@example.com",
            "upload-time": _iso(_UPLOADED),
            "file-name": "Swans 100% Prinsengracht é.jpg",
            "identifier!agencyref": "WS-2024-0112",
        },
        _THUMBNAIL.make(),
        _crops(id_),
        rows,
    )


# --- everyday images ---------------------------------------------------------------------------

_UPLOADED: Final = datetime(2024, 3, 1, 10, tzinfo=UTC)
_PUBLISHED: Final = datetime(2024, 3, 4, 6, 30, tzinfo=UTC)
_EXPIRED: Final = datetime(2024, 4, 1, tzinfo=UTC)
_CURRENT: Final = datetime(2124, 4, 1, tzinfo=UTC)

_FORMATS: Final[Sequence[Format]] = (
    *("JPEG", "JPEG", "PNG", "JPEG", "WEBP", "JPEG"),
    *("TIFF", "JPEG", "GIF", "JPEG", "AVIF", "BMP"),
)
_SMALL: Final[Sequence[Size]] = ((320, 240), (240, 320), (400, 225), (300, 300))
#: Of several megabytes; formats that take long to write stay small.
_LARGE: Final[Mapping[Format, Size]] = {
    "JPEG": (2400, 1800),
    "TIFF": (1200, 900),
    "PNG": (1000, 750),
    "BMP": (1200, 900),
}
_LARGE_EVERY: Final = 13

_THUMBNAIL: Final = PictureFile("JPEG", (256, 192))

_CAMERAS: Final = (
    ("Canon", "Canon EOS R5"),
    ("NIKON CORPORATION", "NIKON D850"),
    ("SONY", "ILCE-9M2"),
    ("Apple", "iPhone 14 Pro"),
    ("FUJIFILM", "X-T4"),
)
_PHOTOGRAPHERS: Final = ("Jo Bloggs", "Amélie Durand", "Łukasz Nowak", "María Núñez", "Wei Chen")
_SUBJECTS: Final = (
    ("Voters queue outside a polling station", ("election", "politics")),
    ("A cyclist climbs out of the saddle", ("sport", "cycling")),
    ("Flood water reaches the market square", ("weather", "flood")),
    ("The orchestra tunes before the premiere", ("music", "culture")),
    ("Commuters wait for a late train", ("transport", "strike")),
    ("A chef plates the last course", ("food", "restaurants")),
)
_PLACES: Final = (
    ("London", "United Kingdom", (51.5072, -0.1276)),
    ("Lyon", "France", (45.764, 4.8357)),
    ("Kraków", "Poland", (50.0647, 19.945)),
    ("São Paulo", "Brazil", (-23.5505, -46.6333)),
    ("Sydney", "Australia", (-33.8688, 151.2093)),
)
_UPLOADERS: Final = ("ingest@example.com", "picture.desk@example.com", "jo.bloggs@example.com")


def _everyday_images() -> Iterator[SampleImage]:
    number = 0
    while True:
        number += 1
        yield _everyday_image(number)


def _everyday_image(number: int) -> SampleImage:
    rng = random.Random(number)
    format_ = _FORMATS[number % len(_FORMATS)]
    small = _SMALL[number % len(_SMALL)]
    size = _LARGE.get(format_, small) if number % _LARGE_EVERY == 0 else small
    original = _photograph(rng, number, format_, size).make()
    id_ = _sha1(original)
    # Prime steps, so that every combination comes about.
    rows = _merged(
        _used(id_, rng) if number % 2 == 0 else {},
        {"leases": _leases(id_, rng)} if number % 3 == 0 else {},
        {"collections": [_in_collections(id_, *_shelves(rng))]} if number % 5 == 0 else {},
        {"edits": [_edits(id_, rng, number)]} if number % 7 == 0 else {},
        {"syndication": [_syndication(id_)]} if number % 11 == 0 else {},
        {"status": [_soft_deleted(id_)]} if number % 17 == 0 else {},
    )
    return SampleImage(
        id_,
        VERIFIED,
        original,
        _upload(rng) if number % 19 else {},
        _THUMBNAIL.make() if number % 3 else None,
        _crops(id_) if number % 6 == 0 else (),
        rows,
    )


def _photograph(rng: random.Random, number: int, format_: Format, size: Size) -> PictureFile:
    photographer = rng.choice(_PHOTOGRAPHERS)
    headline, keywords = rng.choice(_SUBJECTS)
    city, country, position = rng.choice(_PLACES)
    taken = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(minutes=rng.randrange(400_000))
    camera = Camera(
        *rng.choice(_CAMERAS),
        taken=taken.strftime("%Y:%m:%d %H:%M:%S"),
        orientation=rng.choice((1, 1, 1, 3, 6, 8)),
        artist=photographer,
        copyright=f"© {photographer} 2023",
        position=position if number % 2 else None,
    )
    plain = PictureFile(format_, size, number, camera)
    description = f"{headline} in {city}."
    match number % 4:
        case 1:
            xmp = {
                "photoshop:Headline": headline,
                "dc:description": description,
                "dc:creator": [photographer],
                "dc:subject": keywords,
                "photoshop:City": city,
                "photoshop:Country": country,
                "photoshop:Credit": "Example Agency",
            }
            return replace(plain, xmp=xmp)
        case 3:
            iptc = [
                ((2, 105), headline),
                ((2, 120), description),
                ((2, 80), photographer),
                *(((2, 25), keyword) for keyword in keywords),
                ((2, 90), city),
                ((2, 101), country),
                ((2, 110), "Wire Service"),
            ]
            return replace(plain, iptc=iptc)
        case _:
            return plain


def _upload(rng: random.Random) -> dict[str, str]:
    at = _UPLOADED + timedelta(minutes=rng.randrange(100_000))
    names = ("uploaded-by", "upload-time", "file-name", "identifier!agencyref")
    # Objects of old uploads spell these names with an underscore.
    spelled = names if rng.random() < 0.9 else tuple(name.replace("-", "_") for name in names)
    values = (
        rng.choice(_UPLOADERS),
        _iso(at),
        f"{rng.choice(_PHOTOGRAPHERS)} {at:%Y-%m-%d} & {rng.randrange(1000):03}.jpg",
        f"AB/{rng.randrange(10**6):06}",
    )
    return dict(zip(spelled, values, strict=True))


# --- user data ---------------------------------------------------------------------------------

_USAGE_KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "digital": {
        "digital_metadata": {
            "webUrl": "https://www.example.com/news/frozen-canal",
            "webTitle": "The week in pictures",
            "sectionId": "news",
            "composerUrl": "https://composer.example.com/content/1",
        }
    },
    "front": {"front_metadata": {"addedBy": "front.editor@example.com", "front": "uk/culture"}},
    "print": {
        "print_metadata": {
            "sectionName": "Home",
            "sectionCode": "hom",
            "issueDate": "2024-03-05T00:00:00.000Z",
            "pageNumber": 3,
            "storyName": "winter",
            "publicationCode": "exa",
            "publicationName": "The Example",
            "layoutId": 4711,
            "edition": 1,
            "size": {"x": 120, "y": 80},
            "orderedBy": "night desk",
        }
    },
    "syndication": {
        "syndication_metadata": {"partnerName": "Partner Press", "syndicatedBy": "Jo Bloggs"}
    },
    "download": {"download_metadata": {"downloadedBy": "researcher@example.com"}},
    "derivative": {
        "child_metadata": {"addedBy": "desk@example.com", "childMediaId": "0" * 39 + "1"}
    },
    "replaced": {"child_metadata": {"addedBy": "desk@example.com", "childMediaId": "0" * 39 + "2"}},
}


def _usage(id_: str, kind: str, number: int, **attributes: Any) -> Row:
    at = _millis(_PUBLISHED + timedelta(minutes=number))
    return {
        "grouping": f"{kind}/{id_[:12]}",
        "usage_id": f"usage-{number}",
        "media_id": id_,
        "usage_type": kind,
        "media_type": "image",
        "usage_status": "published",
        "last_modified": at,
        "date_added": at,
        **_USAGE_KINDS[kind],
        **attributes,
    }


def _used(id_: str, rng: random.Random) -> Rows:
    """Usages as they pile up: planned, published, taken back, planned again."""
    first, second, third = rng.sample(sorted(_USAGE_KINDS), 3)
    removed = _millis(_PUBLISHED + timedelta(days=1))
    return {
        "usages": [
            _usage(id_, first, 0, usage_status="pending"),
            _usage(id_, first, 1),
            _usage(id_, second, 2, date_removed=removed, last_modified=removed),
            _usage(id_, third, 3, usage_status="pending", date_removed=removed),
        ]
    }


def _leases(id_: str, rng: random.Random) -> Sequence[Row]:
    accesses = ("AllowUseLease", "DenyUseLease", "AllowSyndicationLease", "DenySyndicationLease")
    return [
        _lease(id_, 0, rng.choice(accesses), end=_CURRENT),
        _lease(id_, 1, rng.choice(("allow", "deny")), end=_EXPIRED),
    ]


def _lease(
    id_: str, number: int, access: str, *, end: datetime = _CURRENT, notes: str = "As agreed"
) -> Row:
    return {
        "id": f"lease-{number}-{id_}",
        "mediaId": id_,
        "access": access,
        "leasedBy": "rights@example.com",
        "startDate": _iso(_UPLOADED),
        "endDate": _iso(end),
        "notes": notes,
        "createdAt": _iso(_UPLOADED + timedelta(hours=number)),
    }


def _shelves(rng: random.Random) -> Iterable[tuple[str, ...]]:
    shelves = (("News", "2024", "March"), ("Sport",), ("Features", "Food & Drink"), ("Archive",))
    return rng.sample(shelves, 2)


def _in_collections(id_: str, *paths: tuple[str, ...]) -> Row:
    action = {"author": "desk@example.com", "date": _iso(_PUBLISHED)}
    return {
        "id": id_,
        "collections": [
            {"path": [*path], "description": path[-1], "actionData": action} for path in paths
        ],
    }


def _edits(id_: str, rng: random.Random, number: int) -> Row:
    headline, keywords = rng.choice(_SUBJECTS)
    return {
        "id": id_,
        "labels": set(keywords),
        "metadata": {
            "title": f"{headline}, number {number}",
            "credit": "The Example",
            "keywords": {*keywords, "desk"},
        },
        "usageRights": {"category": "agency", "supplier": "Example Agency"},
        "lastModified": _iso(_PUBLISHED + timedelta(minutes=number)),
    }


def _titled(id_: str, title: str) -> Rows:
    edits = {"id": id_, "metadata": {"title": title}, "lastModified": _iso(_PUBLISHED)}
    return {"edits": [edits]}


def _syndication(id_: str) -> Row:
    terms = [{"propertyCode": "TERM", "expiresOn": _iso(_CURRENT), "value": "worldwide"}]
    return {
        "id": id_,
        "syndicationRights": {
            "published": _iso(_PUBLISHED),
            "suppliers": [{"supplierName": "Waterside", "supplierId": "ws-9", "prAgreement": True}],
            "rights": [{"rightCode": "WEB", "acquired": True, "properties": terms}],
            "isInferred": False,
        },
    }


def _soft_deleted(id_: str) -> Row:
    return {
        "id": id_,
        "isDeleted": True,
        "deleteTime": _iso(_PUBLISHED),
        "deletedBy": "cleaner@example.com",
    }


def _crops(id_: str) -> Sequence[SampleCrop]:
    """One crop: its master, and an asset made from that."""
    bounds = {"x": "10", "y": "20", "width": "200", "height": "150"}
    folder = "_".join(bounds.values())
    metadata = {
        "source": f"https://api.example.com/images/{id_}",
        **{f"bounds-{side}": value for side, value in bounds.items()},
        "type": "crop",
        "author": "picture.desk@example.com",
        "date": _iso(_PUBLISHED),
        "aspect-ratio": "4:3",
    }
    sizes: Mapping[str, Size] = {"master/200.jpg": (200, 150), "140.jpg": (140, 105)}
    return [
        SampleCrop(
            f"{folder}/{name}",
            PictureFile("JPEG", size).make(),
            {**metadata, "width": str(size[0]), "height": str(size[1])},
        )
        for name, size in sizes.items()
    ]


# --- images that are odd, and images that fail -------------------------------------------------


def _odd_but_sound() -> Iterator[SampleImage]:
    """Images at the edges of what a library holds, all of which can be reindexed."""
    for number, id_ in enumerate(("p1", "münchen 2019 (17) +1", "x" * 512)):
        # Other libraries have other ids.
        original = PictureFile("JPEG", (64, 48), 1000 + number).make()
        yield SampleImage(id_, VERIFIED, original, rows=_used(id_, random.Random(number)))
    original = PictureFile("PNG", (64, 48), 1010).make()
    yield SampleImage(_sha1(original), VERIFIED, original, thumbnail=b"not a picture")
    original = PictureFile("PNG", (64, 48), 1011).make()
    # Its document is too large to travel: it takes the claim check.
    shelves = (("Archive", f"Shelf {number:04}", "x" * 40) for number in range(1_000))
    rows: Rows = {"collections": [_in_collections(_sha1(original), *shelves)]}
    yield SampleImage(_sha1(original), VERIFIED, original, rows=rows)


def _failing() -> Iterator[SampleImage]:
    for number in range(8):
        id_ = _sha1(f"never uploaded {number}".encode())
        yield SampleImage(id_, NOT_FOUND, rows=_used(id_, random.Random(number)) if number else {})
    jpeg = PictureFile("JPEG", (320, 240), 1020).make()
    png = PictureFile("PNG", (320, 240), 1020).make()
    files: Sequence[tuple[bytes, str]] = (
        (b"", NotAnImage.code),
        (b"Dear picture desk, please find attached\n", NotAnImage.code),
        (b"<!doctype html><title>404 Not Found</title>", NotAnImage.code),
        (b"PK\x03\x04" + b"\0" * 60, NotAnImage.code),
        (b"%PDF-1.7\n", UnsupportedFormat.code),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', UnsupportedFormat.code),
        (b"gimp xcf file\0", UnsupportedFormat.code),
        (jpeg[:20], TruncatedImage.code),
        (png[:18], TruncatedImage.code),
        (_png_of_size(200_000, 200_000), TooManyPixels.code),
    )
    for original, code in files:
        yield SampleImage(_sha1(original), Ending(State.KNOWN_ERROR, code), original)
    invalid = Ending(State.KNOWN_ERROR, InvalidUserData.code)
    wrong: Sequence[tuple[Table, Row]] = (
        ("leases", {"access": "PerhapsLease"}),
        ("usages", {"last_modified": "yesterday"}),
        ("status", {"deleteTime": "some time ago"}),
    )
    for number, (table, attributes) in enumerate(wrong):
        original = PictureFile("JPEG", (64, 48), 1030 + number).make()
        id_ = _sha1(original)
        right: Mapping[str, Row] = {
            "leases": _lease(id_, 0, "AllowUseLease"),
            "usages": _usage(id_, "digital", 0),
            "status": _soft_deleted(id_),
        }
        yield SampleImage(id_, invalid, original, rows={table: [{**right[table], **attributes}]})


def _png_of_size(width: int, height: int) -> bytes:
    """The head of a PNG that declares these dimensions."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    checksum = zlib.crc32(header).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + checksum


def _merged(*parts: Rows) -> Rows:
    merged: dict[Table, Sequence[Row]] = {}
    for part in parts:
        merged.update(part)
    return merged


def _in_brackets(code: str | None) -> str:
    return f" ({code})" if code else ""


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _millis(when: datetime) -> int:
    return int(when.timestamp() * 1000)
