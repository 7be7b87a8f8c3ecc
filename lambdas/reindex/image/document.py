"""The projection: builds one image's search document from the truth alone.

:func:`build` is a pure function. Rows may have any order and unknown attributes. The same truth
always gives the same document, except for the leases that are active now.
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
        now: Current time, timezone-aware; only decides which leases are active.
        misfits: Index fields whose mapping conflicts with ours; values that they reject are left
            out, see :func:`reindex.image.misfits.without_misfits`.
        processors: The library's processors, applied to the file's metadata before user edits.

    Raises:
        ProcessorFailed: A processor failed.
        InvalidUserData: If a row or a crop is malformed.
    """
    user_data = read_user_fields(truth.user_data, now)
    upload = upload_of(truth.original)
    # Files do not name rights by our categories: only a library's rules set them.
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
    """Return the input of the processors: the file's own metadata, without rights."""
    upload = upload_of(truth.original)
    return Draft(original_metadata(truth.file, upload.at), {}, upload.by)


def merge(
    loaded: Mapping[str, Any], user_data: UserData, now: datetime, misfits: Misfits | None = None
) -> dict[str, Any]:
    """Return the document of the library's image loader, merged with user data.

    User data in the loaded document is replaced, because the tables are the truth.

    Args:
        loaded: The document that the image loader built from the original; not modified.
        user_data: The image's rows and crops.
        now: As for :func:`build`.
        misfits: As for :func:`build`.

    Raises:
        InvalidUserData: As for :func:`build`.
        LoaderAnswer: A required part of the document is missing or malformed.
    """
    if not isinstance(loaded.get("source"), dict):
        raise LoaderAnswer("the document has no source: it is not whole")
    original = _object(loaded, "originalMetadata", "metadata")
    rights = _object(loaded, "originalUsageRights", "usageRights")
    trimmed = Trimmed()
    trimmed_before = _object(loaded, "fileMetadata").get("trimmed", [])
    if not isinstance(trimmed_before, list) or not all(isinstance(n, str) for n in trimmed_before):
        # Our own names may be appended to this list.
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
    """Return the first of the named fields that is present; an empty dict when none is."""
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
    """Return ``document`` with its provenance under ``esInfo.reindex``.

    Other fields of ``esInfo`` are kept.

    Args:
        document: The result of :func:`build`; not modified.
        digest: The digest of ``document``.
        run_id: The run that made the projection.
        stage: The deployment that made the projection.
        projected_at: Time of the projection, timezone-aware.
        projector: Name and version of the projector.
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
    """Return ``document`` as it was before :func:`with_provenance`, to compare two documents.

    If ``esInfo`` holds nothing else, it is left out.
    """
    found = document.get("esInfo")
    if not isinstance(found, Mapping):
        # It is None, or was written by another program.
        return dict(document)
    info = {name: value for name, value in found.items() if name != "reindex"}
    rest = {name: value for name, value in document.items() if name != "esInfo"}
    return rest | ({"esInfo": info} if info else {})
