"""The projection: one image's search document, from the truth alone.

:func:`build` is a pure function. Rows may come in any order and with attributes we do not
know; the same truth always gives the same document, but for which leases are active now.
``docs/document.md`` describes the document field by field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reindex.image.crops import crops
from reindex.image.dates import format_date
from reindex.image.edits import edits
from reindex.image.file_metadata import file_metadata
from reindex.image.image_collections import collections
from reindex.image.leases import leases
from reindex.image.limits import Trimmed, newest, with_trimmed
from reindex.image.misfits import Misfits, without_misfits
from reindex.image.object_metadata import upload_of
from reindex.image.original_metadata import original_metadata
from reindex.image.rows import present
from reindex.image.source import rendition, source
from reindex.image.syndication import soft_deleted, syndication_rights
from reindex.image.terms import fitted
from reindex.image.truth import ImageTruth
from reindex.image.usages import usages
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
    rows = truth.user_data
    upload = upload_of(truth.original)
    edited = edits(rows.edits)
    leased = leases(rows.leases, now)
    used = usages(rows.usages)
    collected = collections(rows.collections)
    cropped = crops(rows.crops)
    last_modified = max(
        (
            when
            for when in (
                leased.last_modified,
                cropped.last_modified,
                collected.last_modified,
                used.last_modified,
                edited.last_modified,
            )
            if when is not None
        ),
        default=None,
    )
    user_metadata_last_modified = edited.last_modified or last_modified
    # Nothing in a file names rights by our categories: only rules do.
    draft = processed(draft_of(truth), processors)
    original, original_usage_rights = dict(draft.metadata), dict(draft.rights)
    rights = original_usage_rights if edited.usage_rights is None else edited.usage_rights
    trimmed = Trimmed()
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
        metadata=edited.applied_to(original) or None,
        originalUsageRights=original_usage_rights,
        usageRights=rights,
        userMetadata=edited.user_metadata or None,
        userMetadataLastModified=user_metadata_last_modified
        and format_date(user_metadata_last_modified),
        usages=newest(used.document, trimmed),
        leases=leased.document,
        collections=collected.document,
        exports=cropped.document,
        syndicationRights=syndication_rights(rows.syndication),
        softDeletedMetadata=soft_deleted(rows.status),
        lastModified=last_modified and format_date(last_modified),
    )
    fit = without_misfits(fitted(document, trimmed), misfits or {}, trimmed)
    return with_trimmed(fit, trimmed)


def draft_of(truth: ImageTruth) -> Draft:
    """Return what processors are given: what the file says of itself, and no rights."""
    upload = upload_of(truth.original)
    return Draft(original_metadata(truth.file, upload.at), {}, upload.by)


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
