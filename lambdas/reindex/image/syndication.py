"""Syndication rights and soft deletes: two tables whose rows are copied almost unchanged."""

from __future__ import annotations

from typing import Any

from reindex.image.dates import format_date
from reindex.image.rows import Fields, present
from reindex.image.truth import Row


def syndication_rights(row: Row | None) -> dict[str, Any] | None:
    """Return the document's ``syndicationRights``, or None when there are none.

    Raises:
        InvalidUserData: If the row is malformed.
    """
    rights = Fields("syndication", row or {}).fields("syndicationRights")
    if rights is None:
        return None
    return (
        present(
            published=_date(rights, "published"),
            suppliers=[
                found for each in rights.list_of_fields("suppliers") if (found := _supplier(each))
            ],
            rights=[found for each in rights.list_of_fields("rights") if (found := _right(each))],
            isInferred=rights.flag("isInferred"),
        )
        or None
    )


def soft_deleted(row: Row | None) -> dict[str, Any] | None:
    """Return the document's ``softDeletedMetadata``, or None unless the image is soft-deleted.

    Raises:
        InvalidUserData: If the row is malformed.
    """
    status = Fields("image status", row or {})
    if not status.flag("isDeleted"):
        return None
    # Required, because an empty object would mean "not deleted".
    status.required_text("deleteTime")
    return present(deleteTime=_date(status, "deleteTime"), deletedBy=status.text("deletedBy"))


def _supplier(fields: Fields) -> dict[str, Any]:
    return present(
        supplierName=fields.text("supplierName"),
        supplierId=fields.text("supplierId"),
        prAgreement=fields.flag("prAgreement"),
    )


def _right(fields: Fields) -> dict[str, Any]:
    return present(
        rightCode=fields.text("rightCode"),
        acquired=fields.flag("acquired"),
        properties=[
            found for each in fields.list_of_fields("properties") if (found := _property(each))
        ],
    )


def _property(fields: Fields) -> dict[str, Any]:
    return present(
        propertyCode=fields.text("propertyCode"),
        expiresOn=_date(fields, "expiresOn"),
        value=fields.text("value"),
    )


def _date(fields: Fields, name: str) -> str | None:
    when = fields.moment(name)
    return None if when is None else format_date(when)
