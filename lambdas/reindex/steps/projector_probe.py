"""Preflight's question to who builds the documents in place of our own projection."""

from __future__ import annotations

from collections.abc import Sequence

from reindex.domain.failures import (
    OriginalNotFound,
    ProjectorDied,
    SourceUnusable,
    StoreUnavailable,
)
from reindex.stores.interfaces.id_sources import IdSource
from reindex.stores.interfaces.projection import Projector

#: Images that are asked for: one alone may be broken in itself.
IMAGES = 5

#: An id that no image has: asked for where there are no originals to ask for.
NO_IMAGE = "image-reindex-preflight"

_RUN = "preflight"

#: Pages of a listing that are searched: one may contain no original.
_PAGES = 10


def probe_projector(projector: Projector, originals: IdSource) -> None:
    """Look whether a projector gives documents of images that exist.

    One document of a few images is enough. That it knows none of them is a finding, too: a wrong
    address would else make every image ``not_found``.

    Args:
        projector: Whom to ask.
        originals: Where ids of images that exist are found.

    Raises:
        StoreUnavailable: It gives none; the message says why.
    """
    ids = _some_ids(originals)
    try:
        answer = projector.project(ids or [NO_IMAGE], _RUN)
    except ProjectorDied as death:
        raise StoreUnavailable(f"it died: {death}") from death
    if answer.images:
        return
    failures = list(answer.failures.values())
    if not failures:
        raise StoreUnavailable("it had no time to answer")
    codes = {failure.code for failure in failures}
    if codes == {OriginalNotFound.code}:
        if ids:
            raise StoreUnavailable(
                f"it knows none of {len(ids)} images whose originals exist: is its address right?"
            )
        return
    first = next(failure for failure in failures if failure.code != OriginalNotFound.code)
    raise StoreUnavailable(f"{first.code}: {first.message} {first.detail}".rstrip())


def _some_ids(originals: IdSource) -> Sequence[str]:
    """Ids of images that exist; none where the bucket does not tell any."""
    try:
        parts = originals.parts(1)
    except SourceUnusable:
        # Its keys do not contain whole ids, so ids cannot be listed.
        return ()
    after = None
    for _ in range(_PAGES if parts else 0):
        page = originals.page(parts[0], after)
        if page.ids or page.next is None:
            return page.ids[:IMAGES]
        after = page.next
    return ()
