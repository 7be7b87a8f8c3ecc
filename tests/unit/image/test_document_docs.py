"""docs/document.md matches the code: its example and tables are generated here."""

import json
from pathlib import Path
from typing import Final

import pytest

from reindex.domain.digest import digest
from reindex.domain.fields import METADATA_SETS, METADATA_TEXTS
from reindex.image.charsets import EVIDENCE
from reindex.image.document import build, with_provenance
from reindex.image.limits import MAX_DEPTH, MAX_NESTED
from reindex.image.names import LONGEST_NAME
from reindex.image.original_metadata import PRECEDENCE
from reindex.image.terms import MAX_TERM
from reindex.image.uninformative import DEFAULTS, PLACEHOLDERS
from tests.unit.image.truths import FULL, NOW

DOCS: Final = Path(__file__).parents[3] / "docs" / "document.md"


def example() -> str:
    document = build(FULL, NOW)
    written = with_provenance(
        document,
        digest=digest(document),
        run_id="2024-07-01T11:58:00Z-7f3a",
        stage="PROD",
        projected_at=NOW,
        projector="image-reindex 0.1.0",
    )
    return f"```json\n{json.dumps(written, ensure_ascii=False, indent=2)}\n```"


def precedence() -> str:
    rows = [
        f"| `{field}` | {', '.join(' '.join(source) for source in sources)} |"
        for field, sources in PRECEDENCE.items()
    ]
    return "\n".join(["| field | sources, the best first |", "| --- | --- |", *rows])


def evidence() -> str:
    rows = [f"| {meaning} | {charset} | {weight} |" for charset, weight, _, meaning in EVIDENCE]
    return "\n".join(["| in the text | counts for | weight |", "| --- | --- | --- |", *rows])


def _named(fields: frozenset[str]) -> str:
    return "most" if len(fields) > 8 else ", ".join(sorted(fields))


def uninformative() -> str:
    rows = [
        f"| {entry.writer} | `{entry.example}` | {_named(entry.fields)} | {entry.known_from} |"
        for entry in (*DEFAULTS, *PLACEHOLDERS)
    ]
    return "\n".join(
        ["| left by | such as | in | known from |", "| --- | --- | --- | --- |", *rows]
    )


@pytest.mark.parametrize("made", [example, precedence, evidence, uninformative])
def test_the_documentation_matches_the_code(made: object) -> None:
    assert callable(made)
    assert made() in DOCS.read_text(encoding="utf-8"), made()


def test_every_field_of_the_document_is_described() -> None:
    text = DOCS.read_text(encoding="utf-8").partition("## Example")[0]
    described = [field for field in build(FULL, NOW) if f"`{field}" in text]
    assert described == [*build(FULL, NOW)]
    assert f"{MAX_TERM:,} bytes" in text
    assert f"{LONGEST_NAME} bytes" in text
    assert f"{MAX_NESTED:,} usages" in text
    assert f"{MAX_DEPTH} levels" in text


def test_every_field_read_from_files_can_be_edited() -> None:
    assert set(PRECEDENCE) <= {*METADATA_TEXTS, *METADATA_SETS}
