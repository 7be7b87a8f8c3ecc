"""``reindex report``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .options import page_option
from .session import Session, example, on_stack

if TYPE_CHECKING:
    from pathlib import Path

    from reindex.wiring import Wiring


@click.command(
    epilog=example(
        "reindex report",
        "reindex report --open",
        "reindex report --run-id 20261122-031500-ab12 --json | jq .failure_codes",
    )
)
@click.option("--run-id", metavar="ID", help="Of the run; the latest without it.")
@click.option("--again", is_flag=True, help="Count the table, and write the latest run's anew.")
@click.option("--json", "as_json", is_flag=True, help="The report as it is stored.")
@page_option()
@click.option("--open", "in_browser", is_flag=True, help="Open the page in a browser.")
@on_stack
def report(
    session: Session,
    *,
    run_id: str | None,
    again: bool,
    as_json: bool,
    file: str | None,
    in_browser: bool,
) -> None:
    """Show a run's report.

    That is: how it ended, the tally of states, and the failures, the most frequent first. The
    page has, beside these, the rates over time, what held the run, its cost, and the
    certificate; it is one file that needs nothing else.

    With --again the whole table is counted as the run itself does, and the latest run's report
    is written of what it holds now: for a run that failed before it came to its report.
    """
    as_page = in_browser or file is not None
    if as_json and as_page:
        raise click.UsageError("Give --json, or --html and --open.")
    if again and run_id:
        raise click.UsageError("--again is for the latest run: leave out --run-id.")
    from reindex.reports.report_keys import page_key, report_key

    from .report_view import view
    from .run_control import NotNow
    from .terminal import note, show

    files = session.wiring.files
    if again:
        _write_again(session)
    run_id = run_id or _latest(session.wiring)
    key = page_key(run_id) if as_page else report_key(run_id)
    try:
        body = files.get(key)
    except KeyError:
        hint = "; a round of a migration that had only what changed has no page" if as_page else ""
        raise NotNow(f"there is no report {key}{hint}") from None
    if as_page:
        written = _write(body, file, run_id)
        if in_browser:
            _open(written)
        else:
            note(f"Wrote {written}.")
    elif as_json:
        click.echo(json.dumps(json.loads(body), indent=2))
    else:
        show(view(json.loads(body)))


def _write_again(session: Session) -> None:
    """Count the table, and write the latest run's report."""
    from reindex.settings import Rounds

    from .run_control import NotNow
    from .terminal import progress

    wiring = session.wiring
    run = wiring.runs.current()
    if run is None:
        raise NotNow("no run has been started yet")
    if run.is_open and wiring.phases.is_running(run.execution):
        raise NotNow(f"run {run.run_id} is open: it writes its report itself")
    session.on_interrupt("the report may be half written; repeat it")
    with progress("Counting the table"):
        segments = wiring.settings[Rounds].tally_segments
        wiring.run_steps.tallying.report_again(run.run_id, segments)


def _write(page: bytes, file: str | None, run_id: str) -> Path:
    """Write the page where it was asked for, or where it can be opened from."""
    import tempfile
    from pathlib import Path

    written = Path(file) if file else Path(tempfile.mkdtemp(prefix="reindex-"), f"{run_id}.html")
    written.write_bytes(page)
    return written


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        raise click.ClickException(f"no browser could be opened; the page is {page}")


def _latest(wiring: Wiring) -> str:
    """Return the latest run, if it has a report."""
    from .run_control import NotNow

    run = wiring.runs.current()
    if run is None:
        raise NotNow("no run has been started yet")
    if run.report is None:
        reason = f": {run.reason}" if run.reason else ""
        last = f"; the last report is of run {run.last_reported}" if run.last_reported else ""
        raise NotNow(f"run {run.run_id} has no report, it is {run.status}{reason}{last}")
    return run.run_id
