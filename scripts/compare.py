"""``reindex compare``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from .comparing import Terms, compare_indices, comparison_options, concrete_index
from .errors import Findings
from .options import result_options
from .session import Session, example, on_stack


@click.command(
    epilog=example(
        "reindex compare images-000001 images-000002",
        "reindex compare images images-000002 --html comparison.html --searches searches.json",
        "reindex compare images images-000002 --accept metadata.supplier --tolerate 0.1",
    )
)
@click.argument("old")
@click.argument("new")
@comparison_options
@result_options
@on_stack
def compare(
    session: Session, *, old: str, new: str, terms: Terms, as_json: bool, file: str | None
) -> None:
    """Tell whether index NEW may replace index OLD.

    Both are names of indices, or of aliases that have one. All documents of both are read, while
    others go on writing: documents that only one index holds; for every field, mapped or not, how
    many documents hold it and how many a search by it finds; the values of keyword fields that
    have few; some documents next to each other; and what saved searches find. Nothing is written.

    The exit status is 1 when a document of OLD is missing in NEW, when the share of documents that
    hold a field or are found by it falls by more than --tolerate, unless --accept names the field
    or an object that it is in, or when a search does not find in NEW what it must.
    """
    index = session.wiring.index
    old, new = concrete_index(index, old), concrete_index(index, new)
    if old == new:
        raise click.UsageError(f"OLD and NEW are the same index: {old}")
    found = compare_indices(session.wiring, old, new, terms)
    show_comparison(session, found, as_json=as_json, file=file)


def show_comparison(
    session: Session, found: Mapping[str, Any], *, as_json: bool, file: str | None
) -> None:
    """Print a comparison, write its page if asked to, and fail if it found something.

    Raises:
        Findings: Names each reason for which the new index should not replace the old one.
    """
    from .comparison_view import view
    from .terminal import note, show

    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show(view(found))
    if file:
        _write_page(session, found, file)
        if not as_json:
            note(f"Wrote {file}.")
    if problems := found["problems"]:
        raise Findings(f"{found['new']} should not replace {found['old']}", problems)


def _write_page(session: Session, found: Mapping[str, Any], file: str) -> None:
    from pathlib import Path

    from reindex.reports.comparison_page import page

    from .thumbnails import thumbnails

    ids = [document["id"] for document in found["sample"]]
    pictures = thumbnails(session.wiring.library, ids)
    Path(file).write_text(page(found, pictures), encoding="utf-8")
