"""The projection: one image's search document, from the truth alone.

:func:`build` is a pure function. Rows may come in any order and with attributes we do not
know; the same truth always gives the same document, but for which leases are active now.
``docs/document.md`` describes the document field by field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reindex.domain.failures import LoaderAnswer
from reindex.image.dates import format_date
from reindex.image.file_metadata import file_metadata
from reindex.image.limits import Trimmed, with_trimmed
from reindex.image.misfits import Misfits, without_misfits
from reindex.image.object_metadata import upload_of
from reindex.image.original_metadata import original_metadata
from reindex.image.rows import present
from reindex.image.source import rendition, source
from reindex.image.terms import fitted
from reindex.image.truth import ImageTruth, UserData
from reindex.image.user_fields import USER_FIELDS, read_user_fields
from reindex.processors.draft import Draft
from reindex.processors.processing import NamedProcessor, processed


def build(
    truth: ImageTruth,
    now: datetime,
    misfits: Misfits | None = None,
    processors: Sequence[NamedProcessor] = (),
) -> dict[str, Any]:
    """Return the search document of an image, without provenance.

    Args:
        truth: Everything the document is built from.
        now: Decides which leases are active, and nothing else; with zone.
        misfits: Fields of the index whose mapping may refuse ours: what they cannot take is left
            out, as :func:`reindex.image.misfits.without_misfits` has it.
        processors: What the library makes of the file's metadata, before people's edits.

    Raises:
        ProcessorFailed: One of them failed.
        InvalidUserData: If a row or a crop is not of the form its table promises.
    """
    user_data = read_user_fields(truth.user_data, now)
    upload = upload_of(truth.original)
    # Nothing in a file names rights by our categories: only rules do.
    draft = processed(draft_of(truth), processors)
    original, original_usage_rights = dict(draft.metadata), dict(draft.rights)
    trimmed = Trimmed()
    fields = user_data.fields(original, original_usage_rights, trimmed)
    document = present(
        id=truth.id,
        uploadTime=format_date(upload.at),
        uploadedBy=upload.by,
        identifiers=dict(upload.identifiers) or None,
        uploadInfo={"filename": upload.filename} if upload.filename else None,
        source=source(truth.original, truth.file, truth.thumbnail),
        thumbnail=rendition(truth.thumbnail),
        optimisedPng=rendition(truth.optimised_png),
        fileMetadata=file_metadata(truth.file) or None,
        originalMetadata=original or None,
        metadata=fields.pop("metadata", None),
        originalUsageRights=original_usage_rights,
        **fields,
    )
    fit = without_misfits(fitted(document, trimmed), misfits or {}, trimmed)
    return with_trimmed(fit, trimmed)


def draft_of(truth: ImageTruth) -> Draft:
    """Return what processors are given: what the file says of itself, and no rights."""
    upload = upload_of(truth.original)
    return Draft(original_metadata(truth.file, upload.at), {}, upload.by)


def merge(
    loaded: Mapping[str, Any], user_data: UserData, now: datetime, misfits: Misfits | None = None
) -> dict[str, Any]:
    """Return a document that somebody else built from the original, with what people said.

    What the document itself says of user data is replaced: our reading of the tables is the truth.

    Args:
        loaded: The library's image loader's; it is left as it is.
        user_data: The image's rows and crops.
        now: As for :func:`build`.
        misfits: As for :func:`build`.

    Raises:
        InvalidUserData: As for :func:`build`.
        LoaderAnswer: The document lacks a part that a document must have, or has it wrongly.
    """
    if not isinstance(loaded.get("source"), dict):
        raise LoaderAnswer("the document has no source: it is not whole")
    original = _object(loaded, "originalMetadata", "metadata")
    rights = _object(loaded, "originalUsageRights", "usageRights")
    trimmed = Trimmed()
    trimmed_before = _object(loaded, "fileMetadata").get("trimmed", [])
    if not isinstance(trimmed_before, list) or not all(isinstance(n, str) for n in trimmed_before):
        # Names of ours may have to be added.
        raise LoaderAnswer("the document's fileMetadata.trimmed is not a list of texts")
    kept = {name: value for name, value in loaded.items() if name not in USER_FIELDS}
    user_fields = read_user_fields(user_data, now).fields(original, rights, trimmed)
    document = present(
        **{
            **kept,
            "originalMetadata": original or None,
            "originalUsageRights": rights,
            **user_fields,
        }
    )
    fit = without_misfits(fitted(document, trimmed), misfits or {}, trimmed)
    return with_trimmed(fit, trimmed)


def _object(loaded: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the first of some fields that is there; empty when none is."""
    for name in names:
        value = loaded.get(name)
        if isinstance(value, dict):
            return value
        if value is not None:
            raise LoaderAnswer(f"the document's {name} is not an object")
    return {}


def with_provenance(
    document: Mapping[str, Any],
    *,
    digest: str,
    run_id: str,
    stage: str,
    projected_at: datetime,
    projector: str,
) -> dict[str, Any]:
    """Return ``document`` with where it comes from, under ``esInfo.reindex``.

    What else ``esInfo`` holds is kept.

    Args:
        document: As :func:`build` gives it; it is left as it is.
        digest: Of ``document``.
        run_id: The run that projects.
        stage: The deployment that does.
        projected_at: When, with zone.
        projector: Name and version of what projects.
    """
    provenance = {
        "digest": digest,
        "runId": run_id,
        "stage": stage,
        "projectedAt": format_date(projected_at),
        "projector": projector,
    }
    return {**document, "esInfo": {**document.get("esInfo", {}), "reindex": provenance}}


def without_provenance(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``document`` as it was before :func:`with_provenance`: what two of them compare by.

    An ``esInfo`` that holds nothing else is left out.
    """
    found = document.get("esInfo")
    if not isinstance(found, Mapping):
        # None, or another program's value.
        return dict(document)
    info = {name: value for name, value in found.items() if name != "reindex"}
    rest = {name: value for name, value in document.items() if name != "esInfo"}
    return rest | ({"esInfo": info} if info else {})
