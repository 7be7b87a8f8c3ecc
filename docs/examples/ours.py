"""A processor of a library's own: docs/processors.md walks through it."""

from __future__ import annotations

from reindex.processors.draft import Draft


def tidy(draft: Draft) -> Draft:
    """Our agency's feed writes its own name before each headline."""
    title = draft.text("title")
    if not title.startswith("NORTHERN: "):
        return draft
    return draft.with_metadata(title=title.removeprefix("NORTHERN: "), source="Northern")
