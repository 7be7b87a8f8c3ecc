from datetime import UTC, datetime
from typing import Any

import pytest

from reindex.domain.failures import InvalidUserData
from reindex.image.leases import leases
from tests.unit.image.truths import NOW, lease


def _only(**attributes: Any) -> dict[str, Any]:
    document = leases([lease(**attributes)], NOW).document
    assert document is not None
    (only,) = document["leases"]
    return dict(only)


def test_a_lease_has_all_fields_of_its_row() -> None:
    lease_ = _only(
        leasedBy="jo",
        notes="n",
        startDate="2024-06-01T00:00:00+01:00",
        endDate="2024-08-01T00:00:00.000Z",
        unknown="x",
    )
    assert lease_ == {
        "id": "lease-1",
        "leasedBy": "jo",
        "startDate": "2024-05-31T23:00:00.000Z",
        "endDate": "2024-08-01T00:00:00.000Z",
        "access": "allow-use",
        "active": True,
        "notes": "n",
        "mediaId": lease()["mediaId"],
        "createdAt": "2024-06-12T10:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("written", "access"),
    [
        ("AllowUseLease", "allow-use"),
        ("DenyUseLease", "deny-use"),
        ("AllowSyndicationLease", "allow-syndication"),
        ("DenySyndicationLease", "deny-syndication"),
        ("allow", "allow-use"),
        ("deny", "deny-use"),
        ("deny-syndication", "deny-syndication"),
    ],
)
def test_access_accepts_old_names(written: str, access: str) -> None:
    assert _only(access=written)["access"] == access


@pytest.mark.parametrize(
    ("rule", "dates", "active"),
    [
        ("for ever", {}, True),
        ("not yet", {"startDate": "2024-07-01T12:00:00.001Z"}, False),
        ("from this moment", {"startDate": "2024-07-01T12:00:00.000Z"}, True),
        ("to this moment", {"endDate": "2024-07-01T12:00:00.000Z"}, True),
        ("no more", {"endDate": "2024-07-01T11:59:59.999Z"}, False),
        ("now, by its zone", {"endDate": "2024-07-01T14:00:00+01:00"}, True),
        ("within", {"startDate": "2024-06-01", "endDate": "2024-08-01"}, True),
    ],
)
def test_a_lease_is_active_between_start_and_end(
    rule: str, dates: dict[str, str], *, active: bool
) -> None:
    assert _only(**dates)["active"] is active, rule


def test_leases_are_sorted_newest_first_and_last_modified_is_the_newest() -> None:
    rows = [
        lease(id="b", createdAt="2024-06-02T00:00:00Z"),
        lease(id="c", createdAt="2024-06-03T00:00:00Z"),
        lease(id="a", createdAt="2024-06-02T00:00:00Z"),
        lease(id="d", createdAt=None),
    ]
    for order in (rows, rows[::-1]):
        found = leases(order, NOW)
        assert found.document is not None
        assert [each["id"] for each in found.document["leases"]] == ["c", "a", "b", "d"]
        assert found.document["lastModified"] == "2024-06-03T00:00:00.000Z"
        assert found.last_modified == datetime(2024, 6, 3, tzinfo=UTC)


def test_leases_without_a_creation_time_have_no_last_modified() -> None:
    found = leases([lease(createdAt=None)], NOW)
    assert found.document is not None
    assert "lastModified" not in found.document
    assert found.last_modified is None


def test_an_image_without_leases_has_none() -> None:
    assert leases([], NOW).document is None


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"id": None}, "leases: id is missing"),
        ({"access": None}, "leases: access is missing"),
        ({"access": "perhaps"}, "leases: access is no kind of access"),
        ({"startDate": "soon"}, "leases: startDate is no ISO 8601 date"),
        ({"createdAt": 17}, "leases: createdAt is a number, not a string"),
    ],
)
def test_malformed_rows_are_typed_failures(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidUserData) as caught:
        leases([lease(**attributes)], NOW)
    assert caught.value.message == message
