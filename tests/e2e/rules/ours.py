"""A processor of a library's own, as a stage names it."""

from __future__ import annotations

from reindex.processors.draft import Draft


def tidy(draft: Draft) -> Draft:
    """Say who looked at it."""
    return draft.with_metadata(specialInstructions="Seen by our own processor")
