"""``reindex submissions``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .ingest_options import ingest_wiring
from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.domain.submissions import SubmissionRow


@click.command(
    epilog=example("reindex submissions --failed", "reindex submissions --by agency --since 1d")
)
@click.option("--failed", is_flag=True, help="Only those that failed, with the reason.")
@click.option("--by", "submitter", metavar="NAME", help="Only those that NAME submitted.")
@click.option(
    "--since",
    metavar="AGE|TIME",
    help="Only those submitted since then: 30m, 12h, 7d, or ISO 8601.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=1_000,
    show_default=True,
    metavar="N",
    help="The latest N at most.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with everything.")
@on_stack
def submissions(
    session: Session,
    *,
    failed: bool,
    submitter: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List submitted files and what became of them.

    The oldest first. A file that no function has begun is listed as queued. A processed image is
    searchable once that column has a time.

    Without --failed this reads the whole table of submissions, also with --by and --since:
    docs/ingest.md says what that costs.
    """
    from reindex.steps.submissions import Wanted, latest_submissions

    from .terminal import error_console, show, table
    from .times import epoch_of

    wiring = ingest_wiring(session)
    wanted = Wanted(
        submitter=submitter,
        since=epoch_of(since, wiring.clock.now()) if since else None,
    )
    found = latest_submissions(
        wiring.submissions,
        wiring.submitted_files,
        wanted,
        at_most=limit,
        only_failed=failed,
    )
    if len(found.rows) < found.total:
        said = f"The latest {len(found.rows):,} of {found.total:,}: --limit lists more."
        error_console().print(said)
    if as_json:
        for row in found.rows:
            click.echo(json.dumps(row.to_json() | {"id": row.ref.id}, ensure_ascii=False))
        return
    made = table("id", "state", "submitted", "searchable", "image", "key", "why")
    for row in found.rows:
        made.add_row(
            row.ref.id,
            row.state.value,
            row.submitted_at[:19],
            (row.searchable_at or "")[:19],
            row.image_id or "",
            row.ref.key,
            _why(row),
        )
    show(made)


def _why(row: SubmissionRow) -> str:
    if not row.failure:
        return ""
    detail = f" ({row.failure.detail})" if row.failure.detail else ""
    where = f" [log {row.log.group} {row.log.stream}]" if row.is_unexpected and row.log else ""
    return f"{row.failure.code} {row.failure.fingerprint}: {row.failure.message}{detail}{where}"
