import pytest

from reindex.image.terms import MAX_TERM, fitted

LATIN = "a" * 40_000
CHINESE = "\u6f22" * 20_000


@pytest.mark.parametrize(
    ("rule", "document", "expected"),
    [
        ("a short keyword stays", {"metadata": {"credit": "Jo"}}, {"metadata": {"credit": "Jo"}}),
        (
            "a keyword longer than a term is cut to it",
            {"metadata": {"credit": LATIN}},
            {"metadata": {"credit": LATIN[:MAX_TERM]}},
        ),
        (
            "between characters",
            {"metadata": {"credit": "a" + CHINESE}},
            {"metadata": {"credit": "a" + CHINESE[: (MAX_TERM - 1) // 3]}},
        ),
        (
            "in a list too",
            {"metadata": {"keywords": ["a", LATIN]}},
            {"metadata": {"keywords": ["a", LATIN[:MAX_TERM]]}},
        ),
        (
            "in a list of maps too",
            {"usages": [{"digitalUsageMetadata": {"webUrl": LATIN}}]},
            {"usages": [{"digitalUsageMetadata": {"webUrl": LATIN[:MAX_TERM]}}]},
        ),
        (
            "text is made of many terms",
            {"metadata": {"description": LATIN}},
            {"metadata": {"description": LATIN}},
        ),
        (
            "where strings are dynamic: short enough to be indexed, too long for a term",
            {"fileMetadata": {"xmp": {"dc:rights": CHINESE}}},
            {"fileMetadata": {"xmp": {"dc:rights": CHINESE[: MAX_TERM // 3]}}},
        ),
        (
            "where strings are dynamic: a library's own mapping may index any length",
            {"fileMetadata": {"xmp": {"dc:rights": LATIN}}},
            {"fileMetadata": {"xmp": {"dc:rights": LATIN[:MAX_TERM]}}},
        ),
        ("no string", {"source": {"size": 1}}, {"source": {"size": 1}}),
    ],
)
def test_keywords_are_cut_to_a_term(
    rule: str, document: dict[str, object], expected: dict[str, object]
) -> None:
    assert fitted(document) == expected, rule
