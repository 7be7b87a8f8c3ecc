from typing import Any

import pytest

from reindex.domain.failures import InvalidUserData
from reindex.image.syndication import soft_deleted, syndication_rights


def test_syndication_rights_hold_the_row() -> None:
    rights = {
        "published": "2024-06-12T00:00:00.000Z",
        "suppliers": [{"supplierName": "S", "supplierId": "9", "prAgreement": False}],
        "rights": [
            {
                "rightCode": "WEB",
                "acquired": True,
                "properties": [
                    {"propertyCode": "TERM", "expiresOn": "2030-01-01T00:00:00.000Z", "value": "v"}
                ],
            }
        ],
        "isInferred": True,
    }
    assert syndication_rights({"id": "x", "syndicationRights": rights}) == rights


def test_missing_and_unknown_values_are_absent() -> None:
    written = {
        "published": "",
        "suppliers": [{}, {"supplierName": "S", "fee": 3}],
        "rights": [{"rightCode": "WEB", "acquired": None, "properties": [{}]}],
    }
    assert syndication_rights({"id": "x", "syndicationRights": written}) == {
        "suppliers": [{"supplierName": "S"}],
        "rights": [{"rightCode": "WEB"}],
    }


@pytest.mark.parametrize("row", [None, {}, {"syndicationRights": None}, {"syndicationRights": {}}])
def test_an_image_without_syndication_rights_has_none(row: dict[str, Any] | None) -> None:
    assert syndication_rights(row) is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (None, None),
        ({"id": "x"}, None),
        ({"isDeleted": False, "deleteTime": "2024-06-20T00:00:00Z", "deletedBy": "jo"}, None),
        (
            {"isDeleted": True, "deleteTime": "2024-06-20T00:00:00Z", "deletedBy": "jo"},
            {"deleteTime": "2024-06-20T00:00:00.000Z", "deletedBy": "jo"},
        ),
    ],
)
def test_soft_deleted_only_when_the_row_says_so(
    row: dict[str, Any] | None, expected: dict[str, Any] | None
) -> None:
    assert soft_deleted(row) == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"isDeleted": "yes"}, "image status: isDeleted is a string, not a boolean"),
        ({"isDeleted": True}, "image status: deleteTime is missing"),
        ({"isDeleted": True, "deleteTime": "now"}, "image status: deleteTime is no ISO 8601 date"),
    ],
)
def test_malformed_status_is_a_typed_failure(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidUserData) as caught:
        soft_deleted(row)
    assert caught.value.message == message


def test_malformed_rights_are_a_typed_failure() -> None:
    with pytest.raises(InvalidUserData) as caught:
        syndication_rights({"syndicationRights": {"rights": [{"acquired": "yes"}]}})
    assert caught.value.message == (
        "syndication: syndicationRights.rights[].acquired is a string, not a boolean"
    )
