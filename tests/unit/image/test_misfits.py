"""Values that an existing mapping would reject are left out, named and counted.

`tests/contract/test_document_mapping.py` shows the same on a real server.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reindex.image.document import build
from reindex.image.limits import Trimmed, with_trimmed
from reindex.image.mapping import mapping
from reindex.image.misfits import misfits, surprising, without_misfits
from reindex.image.terms import MAX_TERM
from reindex.stores.mapping_gaps import mapping_gaps
from tests.unit.image.truths import NOW, image_file, truth

KEYWORD: dict[str, Any] = {"type": "keyword"}


def of(**properties: Any) -> dict[str, Any]:
    return {"properties": properties}


LIVE = of(
    identifiers=of(ref=KEYWORD, number={"type": "long"}),
    metadata=of(domainMetadata=of(desk=of(note={"type": "text"}), any={"enabled": False})),
    fileMetadata=of(
        colourModel=KEYWORD,
        trimmed={"type": "text"},
        trimmedCount={"type": "long"},
        icc=KEYWORD,
        getty={"type": "object", "enabled": False},
        exif=of(
            Make={"type": "text"},
            DateTime={"type": "date"},
            GPSAltitude={"type": "float", "ignore_malformed": True},
            Compression={"type": "long", "coerce": False},
        ),
        xmp=of(
            **{
                "x:y": of(z=KEYWORD),
                "x:flag": {"type": "boolean"},
                "x:any": {"type": "object", "enabled": "false"},
                "x:flat": {"type": "flattened"},
                "x:nested": {"type": "nested"},
                "x:text": {"type": "wildcard"},
                "x:day": {"type": "date", "format": "yyyy/MM/dd||epoch_millis"},
            }
        ),
    ),
)


def test_fields_that_may_reject_our_values_are_named() -> None:
    assert misfits(LIVE) == {
        "fileMetadata.exif.Compression": "long, exact",
        "fileMetadata.exif.DateTime": "date",
        "fileMetadata.icc": "keyword",
        "fileMetadata.xmp.x:day": "date, yyyy/MM/dd||epoch_millis",
        "fileMetadata.xmp.x:flag": "boolean",
        "fileMetadata.xmp.x:flat": "flattened",
        "fileMetadata.xmp.x:nested": "nested",
        "fileMetadata.xmp.x:y": "object",
        "identifiers.number": "long",
        "metadata.domainMetadata.desk": "object",
        "metadata.domainMetadata.desk.note": "text",
    }
    assert surprising(misfits(LIVE))[0] == "fileMetadata.exif.Compression (long, exact)"
    assert len(surprising(misfits(LIVE))) == 9


@pytest.mark.parametrize(
    ("limit", "refused"),
    [({}, True), ({"ignore_above": 10_000}, True), ({"ignore_above": 99}, False)],
)
def test_a_long_text_is_left_out_where_the_index_has_a_keyword(
    limit: dict[str, Any],
    refused: bool,  # noqa: FBT001
) -> None:
    live = of(metadata=of(description=KEYWORD | limit, title={"type": "text"}))
    assert misfits(live) == ({"metadata.description": "keyword"} if refused else {})
    long = "a" * (MAX_TERM + 1)
    for text in (long, long[1:]):
        image = truth(edits={"metadata": {"description": text, "title": text}})
        document = build(image, NOW, misfits(live))
        assert document["metadata"].get("description") == (
            None if refused and text == long else text
        )
        assert document["metadata"]["title"] == text


@pytest.mark.parametrize("live", [{}, of(), mapping(), of(fileMetadata={"type": "object"})])
def test_a_mapping_without_such_fields_has_none(live: dict[str, Any]) -> None:
    assert misfits(live) == {}


def test_types_in_file_metadata_do_not_prevent_a_run_but_strict_objects_do() -> None:
    live = mapping()
    live["properties"]["fileMetadata"]["properties"] |= LIVE["properties"]["fileMetadata"][
        "properties"
    ]
    assert mapping_gaps(live, mapping()) == []
    live["properties"]["fileMetadata"]["properties"]["exif"]["dynamic"] = "strict"
    assert mapping_gaps(live, mapping()) == [
        "fileMetadata.exif is strict, where documents bring names of their own"
    ]


@pytest.mark.parametrize(
    ("field", "taken", "refused"),
    [
        (of(z=KEYWORD), [], ["x", "1", ["x"]]),
        ({"type": "nested"}, [], ["x"]),
        ({"type": "flattened"}, [], ["x"]),
        ({"type": "geo_point"}, [], ["52.5,13.4"]),
        ({"type": "completion"}, [], ["x"]),
        ({"type": "long"}, ["1", "-1", "1.5", ["1", "2"]], ["x", "1/2", "", ["1", "x"], "1e3"]),
        ({"type": "byte"}, ["127"], ["128", "-129"]),
        ({"type": "half_float"}, ["0.5"], ["65505"]),
        ({"type": "float"}, ["0.333333333"], ["inf", "NaN", "undef", "1 2"]),
        ({"type": "date"}, ["2024-06-10", "2024-06-10T18:22:05.120+01:00"], ["2024:06:10", "soon"]),
        ({"type": "date"}, ["2024-06-10T18:22:05Z"], ["2024-02-31", "2024-06-10T24:00:00"]),
        ({"type": "date", "format": "yyyy"}, [], ["2024", "2024-06-10"]),
        ({"type": "boolean"}, ["true", "false"], ["True", "yes", "1"]),
        ({"type": "long", "coerce": False}, [], ["1"]),
        ({"type": "long", "ignore_malformed": True}, ["x"], []),
        ({"type": "text", "index": False}, ["x"], []),
    ],
)
def test_only_values_that_a_field_rejects_are_left_out(
    field: dict[str, Any], taken: list[Any], refused: list[Any]
) -> None:
    live = of(fileMetadata=of(xmp=of(**{"x:y": field})))
    for value in (*taken, *refused):
        document = {"fileMetadata": {"xmp": {"x:y": value, "x:z": "other"}}}
        trimmed = Trimmed()
        kept = without_misfits(document, misfits(live), trimmed)
        if value in taken:
            assert kept == document, value
            assert not trimmed.count
        else:
            assert kept == {"fileMetadata": {"xmp": {"x:z": "other"}}}, value
            assert trimmed.fields == {"fileMetadata.xmp.x:y"}
            assert trimmed.count == (len(value) if isinstance(value, list) else 1)


@pytest.mark.parametrize(
    ("ours", "kept"),
    [
        ({"desk": "text", "n": 1}, {"n": 1}),
        ({"desk": {"note": "text"}}, {"desk": {"note": "text"}}),
        ({"desk": {"note": {"deep": 1}, "other": 1}}, {"desk": {"other": 1}}),
        ({"desk": [{"note": "a"}, {"note": {"deep": 1}}]}, {"desk": [{"note": "a"}]}),
        ({"desk": [{"note": "a"}, "b"]}, None),
        ({"desk": {"note": {"deep": 1}}}, None),
        ({"any": {"thing": 1}}, {"any": {"thing": 1}}),
    ],
)
def test_user_entered_values_may_conflict_in_either_direction(
    ours: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    live = of(metadata=LIVE["properties"]["metadata"])
    image = truth(edits={"metadata": {"domainMetadata": ours, "title": "T"}})
    document = build(image, NOW, misfits(live))
    assert document["metadata"].get("domainMetadata") == kept
    # The same is in userMetadata, for which this index has no mapping.
    assert document["userMetadata"]["metadata"]["domainMetadata"] == ours
    assert ("trimmedCount" in document.get("fileMetadata", {})) is (kept != ours)


def test_a_document_is_built_without_values_that_the_mapping_rejects() -> None:
    file = image_file(
        exif={"Make": "Canon", "DateTime": "2024"},
        xmp={"x:y": "text"},
        icc={"Class": "mntr"},
        getty={"Kind": "any"},
        trimmed=("exif_sub",),
    )
    image = replace(truth(), file=file)
    document = build(image, NOW, misfits(LIVE))
    assert document["fileMetadata"] == {
        "exif": {"Make": "Canon"},
        "getty": {"Kind": "any"},
        "trimmed": [
            "exifSub",
            "fileMetadata.exif.DateTime",
            "fileMetadata.icc",
            "fileMetadata.xmp.x:y",
        ],
        "trimmedCount": 3,
    }
    assert document.keys() == build(image, NOW).keys()


def test_a_document_without_conflicts_is_unchanged() -> None:
    document = build(truth(), NOW)
    trimmed = Trimmed()
    assert without_misfits(document, {"a.b": "object", "id.c": "long"}, trimmed) == document
    assert with_trimmed(document, trimmed) is document
