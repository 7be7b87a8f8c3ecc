from __future__ import annotations

import pytest

from reindex.domain.failures import Failure, ReindexFailure
from reindex.image.extract import extract, find_blocks
from reindex.image.ranged import open_path
from reindex.image.truth import FileMetadata
from reindex.image.xmp import read_xmp
from tests.bench.agreement import Agreement, compare
from tests.corpus import corpus, damaged, photos, reference
from tests.unit.image.test_extract import check_form


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    directory = corpus()
    expected = reference(directory)
    total = Agreement()
    for path in photos(directory):
        with open_path(path) as file:
            try:
                found = extract(file)
            except ReindexFailure:
                assert not expected[path.name], path.name
                continue
            check_form(found)
            total.add(compare(found, read_xmp(find_blocks(file).xmp)[0], expected[path.name]))
    return total


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("mime", 1.0),
        ("dimensions", 1.0),
        ("exif", 0.99),
        ("iptc", 0.99),
        ("xmp", 0.99),
        ("icc", 0.99),
    ],
)
def test_real_photos_agree_with_the_reference(
    agreement: Agreement, kind: str, share: float
) -> None:
    assert agreement.agreed[kind] >= share * agreement.compared[kind] > 0


def outcome(path: str, *, whole: bool) -> FileMetadata | Failure:
    with open_path(path, whole=whole) as file:
        try:
            return extract(file)
        except ReindexFailure as failure:
            return failure.as_failure()


@pytest.mark.parametrize("which", [photos, damaged])
def test_ranged_reading_equals_reading_the_whole_file(which: object) -> None:
    assert callable(which)
    for path in which(corpus()):
        assert outcome(path, whole=False) == outcome(path, whole=True), path.name


def test_damaged_files_are_read_or_give_a_typed_failure() -> None:
    for path in damaged(corpus()):
        found = outcome(str(path), whole=False)
        if isinstance(found, FileMetadata):
            check_form(found)
        else:
            assert found.code in {
                "not_an_image",
                "unsupported_format",
                "truncated",
                "too_many_pixels",
            }
