"""``reindex rehearse``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from .options import result_options
from .rehearsing import Sampling, rehearsal_options, rehearse_on
from .session import Session, example, on_stack


@click.command(
    epilog=example(
        "reindex rehearse",
        "reindex rehearse --sample 5000 --html rehearsal.html",
        """reindex rehearse --query '{"match": {"metadata.credit": "AP"}}' --json | jq .fields""",
        "reindex rehearse --ids ids.txt --accept metadata.suppliersReference",
    )
)
@rehearsal_options
@result_options
@on_stack
def rehearse(session: Session, *, sampling: Sampling, as_json: bool, file: str | None) -> None:
    """Show what a run would change; nothing is written.

    Each document is built as a run would build it, and compared with the one in the index: for
    every field how many are the same, changed, lost and gained. Documents that the index's
    mapping would refuse are named, and so is what cannot be projected. Hours and dollars
    for the whole library are estimated from what the sample took.

    The exit status is 1 when the share of documents that hold a field falls by more than
    --tolerate, unless --accept names the field or an object that it is in.
    """
    from .rehearsal_view import view
    from .terminal import note, show

    found = rehearse_on(session.wiring, sampling)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show(view(found))
    if file:
        _write_page(session, found, file)
        if not as_json:
            note(f"Wrote {file}.")
    if problems := found["problems"]:
        raise click.ClickException("the rehearsal did not pass: " + "; ".join(problems))


def _write_page(session: Session, found: Mapping[str, Any], file: str) -> None:
    from pathlib import Path

    from reindex.reports.rehearsal_page import page

    from .rehearsing import example_ids
    from .thumbnails import thumbnails

    pictures = thumbnails(session.wiring.library, example_ids(found))
    Path(file).write_text(page(found, pictures), encoding="utf-8")
