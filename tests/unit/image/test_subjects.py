import pytest

from reindex.image.subjects import subject_names


@pytest.mark.parametrize(
    ("codes", "names"),
    [
        (
            ["E", "F", "L", "O", "P", "S"],
            ["arts", "finance", "lifestyle", "politics", "sport", "weather"],
        ),
        (["ACE", "CLJ", "DIS"], ["arts", "crime", "disaster"]),
        (["EDU", "EVN", "FIN"], ["education", "environment", "finance"]),
        (["HTH", "HUM", "LAB"], ["health", "human", "labour"]),
        (["LIF", "POL", "REL"], ["lifestyle", "politics", "religion"]),
        (["SCI", "SOI", "SPO"], ["science", "social", "sport"]),
        (["WAR", "WEA"], ["war", "weather"]),
        (["ENT", "CEL"], ["arts"]),
        (["BIZ", "MAX", "ODD"], ["finance", "lifestyle"]),
        (["ANI", "NAT", "WLD"], ["nature"]),
        (["spo", "Pol"], ["politics", "sport"]),
        (["SPO S  SPO", ""], ["sport"]),
        (["I", "A", "XXX", "SPORT"], []),
        ([], []),
    ],
)
def test_category_codes_are_mapped_to_subjects(codes: list[str], names: list[str]) -> None:
    assert subject_names(codes) == names
