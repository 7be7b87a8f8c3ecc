import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from reindex.domain.fields import METADATA_SETS, METADATA_TEXTS, USAGE_RIGHTS_TEXTS
from reindex.image.document import build, with_provenance
from reindex.image.mapping import (
    IGNORE_ABOVE,
    PROVENANCE_MAPPING,
    TOTAL_FIELDS,
    index_settings,
    mapping,
    paths,
)
from tests.unit.image.strictness import refusals
from tests.unit.image.truths import FULL, NOW

DYNAMIC = {
    "exports.specification",
    "exports.specification.bounds",
    "exports.assets.orientationMetadata",
    "exports.master.orientationMetadata",
    "esInfo.migration.failures",
    "fileMetadata",
    "identifiers",
    "metadata.domainMetadata",
    "optimisedPng.orientationMetadata",
    "originalMetadata.domainMetadata",
    "source.orientationMetadata",
    "thumbnail.orientationMetadata",
    "userMetadata.metadata.domainMetadata",
}


def _fields(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in properties.items():
        yield f"{prefix}{name}", field
        yield from _fields(field.get("properties", {}), f"{prefix}{name}.")


FIELDS = dict(_fields(mapping()["properties"]))


def test_the_mapping_is_json() -> None:
    assert json.loads(json.dumps([mapping(), index_settings()])) == [mapping(), index_settings()]


def test_the_root_and_every_fixed_object_are_strict() -> None:
    objects = {path: field for path, field in FIELDS.items() if "properties" in field}
    assert mapping()["dynamic"] == "strict"
    assert {path for path, field in objects.items() if field["dynamic"] is True} == DYNAMIC
    assert {field["dynamic"] for path, field in objects.items() if path not in DYNAMIC} == {
        "strict"
    }


def test_new_strings_are_mapped_as_keywords_that_fit_a_term() -> None:
    templates = [rule for template in mapping()["dynamic_templates"] for rule in template.values()]
    strings = next(rule for rule in templates if rule["match_mapping_type"] == "string")
    assert strings["mapping"] == {"type": "keyword", "ignore_above": IGNORE_ABOVE}
    assert "path_match" not in strings
    assert IGNORE_ABOVE == 29_489
    assert mapping()["date_detection"] is False


@pytest.mark.parametrize(
    ("path", "copy_to"),
    [
        ("usages.platform", "usagesPlatform"),
        ("usages.status", "usagesStatus"),
        ("collections.pathId", "collections.pathHierarchy"),
        ("userMetadata.labels", "metadata.englishAnalysedCatchAll"),
        *(
            (f"metadata.{name}", "metadata.englishAnalysedCatchAll")
            for name in (
                "byline",
                "credit",
                "keywords",
                "source",
                "peopleInImage",
                "suppliersReference",
                "subLocation",
                "city",
                "state",
                "country",
            )
        ),
    ],
)
def test_fields_of_the_general_search_are_copied_to_it(path: str, copy_to: str) -> None:
    assert FIELDS[path]["copy_to"] == copy_to
    assert copy_to in FIELDS


@pytest.mark.parametrize("name", ["title", "description", "englishAnalysedCatchAll"])
def test_titles_and_descriptions_use_the_english_analyser(name: str) -> None:
    analysis = index_settings()["analysis"]
    analyzer = analysis["analyzer"][FIELDS[f"metadata.{name}"]["analyzer"]]
    assert {"lowercase", "asciifolding"} < set(analyzer["filter"])
    stemmers = [analysis["filter"].get(name, {}).get("language") for name in analyzer["filter"]]
    assert "minimal_english" in stemmers


def test_collections_use_the_hierarchy_analyser() -> None:
    analysis = index_settings()["analysis"]
    analyzer = analysis["analyzer"][FIELDS["collections.pathHierarchy"]["analyzer"]]
    assert analysis["tokenizer"][analyzer["tokenizer"]]["type"] == "path_hierarchy"


def test_usages_are_nested() -> None:
    assert FIELDS["usages"]["type"] == "nested"


def test_every_field_of_metadata_and_rights_is_mapped() -> None:
    metadata = {*METADATA_TEXTS, *METADATA_SETS, "dateTaken", "domainMetadata"}
    for path in ("metadata", "originalMetadata", "userMetadata.metadata"):
        assert set(FIELDS[path]["properties"]) == {*metadata, "englishAnalysedCatchAll"}
    for path in ("usageRights", "originalUsageRights", "userMetadata.usageRights"):
        assert set(FIELDS[path]["properties"]) == set(USAGE_RIGHTS_TEXTS)


def test_the_settings_define_the_analysers_and_limits() -> None:
    known = {"standard", "simple", *index_settings()["analysis"]["analyzer"]}
    assert {field["analyzer"] for field in FIELDS.values() if "analyzer" in field} <= known
    limits = index_settings()["index"]["mapping"]["total_fields"]
    assert limits == {"limit": TOTAL_FIELDS, "ignore_dynamic_beyond_limit": True}
    old = index_settings(ignore_beyond_limit=False)["index"]["mapping"]["total_fields"]
    assert old == {"limit": TOTAL_FIELDS}
    assert len(FIELDS) < 1_000 < TOTAL_FIELDS


def test_the_complete_document_is_accepted() -> None:
    document = with_provenance(
        build(FULL, NOW), digest="d", run_id="r", stage="TEST", projected_at=NOW, projector="p"
    )
    assert list(refusals(document, mapping())) == []


def test_the_strictness_check_rejects_bad_documents() -> None:
    document = {
        "unknown": 1,
        "id": "",
        "usages": [],
        "metadata": {"title": 3, "credit": "a" * 40_000},
        "source": {"size": "9", "orientationMetadata": {"new": "x", "a.b": "y"}},
        "leases": "none",
        "archived": None,
    }
    assert [refusal.split(":")[0] for refusal in refusals(document, mapping())] == [
        "unknown",
        "id",
        "usages",
        "metadata.title",
        "metadata.credit",
        "source.size",
        "source.orientationMetadata.a.b",
        "leases",
        "archived",
    ]


def test_provenance_is_stored_and_not_indexed() -> None:
    reindex = {"type": "object", "enabled": False}
    assert FIELDS["esInfo.reindex"] == reindex
    assert {"properties": {"esInfo": {"properties": {"reindex": reindex}}}} == PROVENANCE_MAPPING


@pytest.mark.parametrize(
    "preserved", ["usagesLastModified", "suggestMetadataCredit", "esInfo.migration"]
)
def test_preserved_fields_except_vectors_are_mapped(preserved: str) -> None:
    assert preserved in FIELDS
    assert "embedding" not in FIELDS


def test_paths_lists_objects_before_their_fields() -> None:
    assert list(paths({"a": {"properties": {"b": {}}}, "c": {}})) == ["a", "a.b", "c"]
    assert list(paths(mapping()["properties"])) == list(FIELDS)
