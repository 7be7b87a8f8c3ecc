from datetime import UTC, datetime
from typing import Any, Final

import pytest

from reindex.image.original_metadata import PRECEDENCE, original_metadata
from tests.unit.image.truths import image_file

UPLOADED: Final = datetime(2024, 6, 11, 9, 30, tzinfo=UTC)


def _of(**groups: Any) -> dict[str, Any]:
    return original_metadata(image_file(**groups), UPLOADED)


#: The table of docs/document.md, source by source, best first.
EXPECTED_PRECEDENCE: Final = {
    "description": ["xmp dc:description", "iptc Caption/Abstract", "exif ImageDescription"],
    "byline": ["xmp dc:creator", "iptc By-line", "exif Artist"],
    "bylineTitle": ["xmp photoshop:AuthorsPosition", "iptc By-line Title"],
    "title": ["xmp photoshop:Headline", "iptc Headline"],
    "credit": ["xmp photoshop:Credit", "iptc Credit"],
    "copyright": ["xmp dc:rights", "iptc Copyright Notice", "exif Copyright"],
    "suppliersReference": [
        "xmp photoshop:TransmissionReference",
        "iptc Original Transmission Reference",
        "xmp dc:title",
        "iptc Object Name",
    ],
    "source": ["xmp photoshop:Source", "iptc Source"],
    "specialInstructions": ["xmp photoshop:Instructions", "iptc Special Instructions"],
    "subLocation": ["xmp Iptc4xmpCore:Location", "iptc Sub-location"],
    "city": ["xmp photoshop:City", "iptc City"],
    "state": ["xmp photoshop:State", "iptc Province/State"],
    "country": [
        "xmp photoshop:Country",
        "iptc Country/Primary Location Name",
        "xmp Iptc4xmpCore:CountryCode",
        "iptc Country/Primary Location Code",
    ],
}


def test_the_precedence_matches_the_documentation() -> None:
    actual = {
        field: [f"{group} {name}" for group, name in sources]
        for field, sources in PRECEDENCE.items()
    }
    assert actual == EXPECTED_PRECEDENCE


@pytest.mark.parametrize(
    ("field", "rank"),
    [(field, rank) for field, sources in PRECEDENCE.items() for rank in range(len(sources))],
)
@pytest.mark.parametrize("blank", [None, "", "  ", [], ["", " "]])
def test_the_first_non_blank_source_wins(
    field: str, rank: int, blank: list[str] | str | None
) -> None:
    groups: dict[str, dict[str, Any]] = {}
    for number, (group, name) in enumerate(PRECEDENCE[field]):
        value: Any = f"from {group} {name}" if number >= rank else blank
        if value is not None:
            groups.setdefault(group, {})[name] = value
    group, name = PRECEDENCE[field][rank]
    assert _of(**groups)[field] == f"from {group} {name}"


@pytest.mark.parametrize(
    ("rule", "groups", "field", "expected"),
    [
        ("of a list the first", {"xmp": {"dc:creator": ["A", "B"]}}, "byline", "A"),
        (
            "of a list the first that says something",
            {"iptc": {"By-line": ["", "B"]}},
            "byline",
            "B",
        ),
        ("trailing blanks go", {"iptc": {"Headline": "Title \t\n"}}, "title", "Title"),
        ("NULs go", {"exif": {"Copyright": "Jo\0"}}, "copyright", "Jo"),
        ("keywords of XMP", {"xmp": {"dc:subject": ["b", "a", "b"]}}, "keywords", ["a", "b"]),
        (
            "keywords of XMP before those of IPTC",
            {"xmp": {"dc:subject": ["x"]}, "iptc": {"Keywords": ["i"]}},
            "keywords",
            ["x"],
        ),
        (
            "keywords of IPTC when XMP's are blank",
            {"xmp": {"dc:subject": [" "]}, "iptc": {"Keywords": ["i"]}},
            "keywords",
            ["i"],
        ),
        (
            "keywords of IPTC, split at ; and ,",
            {"iptc": {"Keywords": ["b; a,,c ", "a"]}},
            "keywords",
            ["a", "b", "c"],
        ),
        ("one keyword that is no list", {"iptc": {"Keywords": "a"}}, "keywords", ["a"]),
        ("keywords of XMP are not split", {"xmp": {"dc:subject": ["a, b"]}}, "keywords", ["a, b"]),
        (
            "subjects of both datasets, each once",
            {"iptc": {"Category": "S", "Supplemental Categories": ["POL", "SPO"]}},
            "subjects",
            ["politics", "sport"],
        ),
        (
            "several codes in one dataset",
            {"iptc": {"Supplemental Categories": "WAR wea"}},
            "subjects",
            ["war", "weather"],
        ),
        (
            "unknown subjects drop out",
            {"iptc": {"Category": "I", "Supplemental Categories": ["XYZ", "HTH"]}},
            "subjects",
            ["health"],
        ),
        (
            "people of XMP and Getty together",
            {
                "xmp": {"Iptc4xmpExt:PersonInImage": ["B", "A"]},
                "getty": {"GettyImagesGIFT:Personality": ["C", "A"]},
            },
            "peopleInImage",
            ["A", "B", "C"],
        ),
        (
            "people of Getty among the XMP",
            {"xmp": {"GettyImagesGIFT:Personality": "C"}},
            "peopleInImage",
            ["C"],
        ),
    ],
)
def test_single_fields_follow_their_own_rules(
    rule: str, groups: dict[str, Any], field: str, expected: object
) -> None:
    assert _of(**groups) == {field: expected}, rule


def test_unknown_fields_are_absent() -> None:
    blank = {"dc:subject": [" "], "Iptc4xmpExt:PersonInImage": []}
    assert _of(xmp=blank, iptc={"Category": "I", "Keywords": [";,"]}) == {}


EXIF: Final = {"DateTimeOriginal": "2024:06:10 18:22:05"}
IPTC: Final = {"Date Created": "20240609", "Time Created": "101112+0200"}
XMP: Final = {"photoshop:DateCreated": "2024-06-08T01:02:03Z"}
FUTURE: Final = "2031:01:01 00:00:00"


@pytest.mark.parametrize(
    ("rule", "groups", "expected"),
    [
        (
            "EXIF before all",
            {"exif_sub": EXIF, "iptc": IPTC, "xmp": XMP},
            "2024-06-10T18:22:05.000Z",
        ),
        (
            "EXIF with its fraction and zone",
            {"exif_sub": EXIF | {"SubSecTimeOriginal": "9", "OffsetTimeOriginal": "+02:00"}},
            "2024-06-10T16:22:05.900Z",
        ),
        (
            "a fraction and zone that are none",
            {"exif_sub": EXIF | {"SubSecTimeOriginal": "x", "OffsetTimeOriginal": "   :  "}},
            "2024-06-10T18:22:05.000Z",
        ),
        (
            "a fraction padded with blanks",
            {"exif_sub": EXIF | {"SubSecTimeOriginal": "12   "}},
            "2024-06-10T18:22:05.120Z",
        ),
        (
            "a zone in the date itself, and beside it",
            {
                "exif_sub": {
                    "DateTimeOriginal": "2024-06-10T18:22:05+01:00",
                    "OffsetTimeOriginal": "+01:00",
                }
            },
            "2024-06-10T17:22:05.000Z",
        ),
        ("IPTC date and time next", {"iptc": IPTC, "xmp": XMP}, "2024-06-09T08:11:12.000Z"),
        (
            "when EXIF is later than the upload",
            {"exif_sub": {"DateTimeOriginal": FUTURE}, "iptc": IPTC},
            "2024-06-09T08:11:12.000Z",
        ),
        (
            "when EXIF is unknown",
            {"exif_sub": {"DateTimeOriginal": "0000:00:00 00:00:00"}, "iptc": IPTC},
            "2024-06-09T08:11:12.000Z",
        ),
        (
            "XMP before an IPTC date without time",
            {"iptc": {"Date Created": "20240609"}, "xmp": XMP},
            "2024-06-08T01:02:03.000Z",
        ),
        (
            "XMP before an IPTC date with a time that is none",
            {"iptc": IPTC | {"Time Created": "noon"}, "xmp": XMP},
            "2024-06-08T01:02:03.000Z",
        ),
        (
            "IPTC date alone last",
            {"iptc": {"Date Created": "20240609"}},
            "2024-06-09T00:00:00.000Z",
        ),
        (
            "IPTC date alone when XMP is implausible",
            {"iptc": {"Date Created": "20240609"}, "xmp": {"photoshop:DateCreated": FUTURE}},
            "2024-06-09T00:00:00.000Z",
        ),
        ("nothing plausible", {"exif_sub": {"DateTimeOriginal": FUTURE}}, None),
    ],
)
def test_the_date_taken_is_the_first_plausible_date(
    rule: str, groups: dict[str, Any], expected: str | None
) -> None:
    assert _of(**groups).get("dateTaken") == expected, rule
