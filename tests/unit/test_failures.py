"""Failures as data."""

from __future__ import annotations

import pytest

from reindex.domain.failures import (
    MAX_DETAIL,
    MAX_MESSAGE,
    Failure,
    NotAnImage,
    ReindexFailure,
    SourceUnavailable,
)
from scripts.failure_pages import PAGE, page


def test_the_page_of_failures_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m scripts.failure_pages"


def test_every_failure_has_a_code_of_its_own_and_says_what_to_do() -> None:
    kinds = ReindexFailure.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert "\n\n" in (kind.__doc__ or ""), f"{kind.code} does not say what to do"


def test_a_failure_becomes_data() -> None:
    assert SourceUnavailable("S3 did not answer", "GetObject: 503").as_failure() == Failure(
        "source_unavailable", "S3 did not answer", "GetObject: 503", retryable=True
    )


@pytest.mark.parametrize("text", ["x", "ü", "写"])
def test_texts_are_cut_to_the_bytes_that_a_row_holds(text: str) -> None:
    failure = NotAnImage(text * 1000, text * 1000).as_failure()

    assert MAX_MESSAGE - 4 < len(failure.message.encode()) <= MAX_MESSAGE
    assert MAX_DETAIL - 4 < len(failure.detail.encode()) <= MAX_DETAIL


def test_like_failures_share_a_fingerprint() -> None:
    first, second = (Failure("truncated", f"it ends at {n}", f"detail {n}") for n in (12, 345))
    other = Failure("truncated", "it breaks at 12")

    assert first.fingerprint == second.fingerprint != other.fingerprint
