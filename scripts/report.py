"""``reindex report``."""

from __future__ import annotations

import json
import tempfile
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Group, RenderableType
from rich.table import Table

from reindex.states import CODES
from reindex.steps.tally import page_key, report_key
from reindex.text import duration
from scripts.run_control import NotNow
from scripts.session import Session, example, on_stack
from scripts.terminal import show, table

if TYPE_CHECKING:
    from reindex.wiring import Wiring


@click.command(
    epilog=example(
        "reindex report",
        "reindex report --open",
        "reindex report --run-id 20261122-031500-ab12 --json | jq .failure_codes",
    )
)
@click.option("--run-id", metavar="ID", help="Of the run; the latest without it.")
@click.option("--json", "as_json", is_flag=True, help="The report as it is stored.")
@click.option(
    "--html",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it to a file, as a page.",
)
@click.option("--open", "in_browser", is_flag=True, help="Open the page in a browser.")
@on_stack
def report(
    session: Session, *, run_id: str | None, as_json: bool, file: Path | None, in_browser: bool
) -> None:
    """Show a run's report.

    That is: how it ended, the tally of states, and the failures, the most frequent first. The
    page has, beside these, the rates over time, what held the run, its cost, and the
    certificate; it is one file that needs nothing else.
    """
    as_page = in_browser or file is not None
    if as_json and as_page:
        raise click.UsageError("Give --json, or --html and --open.")
    files = session.wiring.files
    run_id = run_id or _latest(session.wiring)
    key = page_key(run_id) if as_page else report_key(run_id)
    try:
        body = files.get(key)
    except KeyError:
        raise NotNow(f"there is no report {key}") from None
    if as_page:
        written = _write(body, file, run_id)
        if in_browser:
            _open(written)
        else:
            click.echo(f"Wrote {written}.")
    elif as_json:
        click.echo(json.dumps(json.loads(body), indent=2))
    else:
        show(_view(json.loads(body)))


def _write(page: bytes, file: Path | None, run_id: str) -> Path:
    """Write the page where it was asked for, or where it can be opened from."""
    file = file or Path(tempfile.mkdtemp(prefix="reindex-")) / f"{run_id}.html"
    file.write_bytes(page)
    return file


def _open(page: Path) -> None:
    if not webbrowser.open(page.resolve().as_uri()):
        raise click.ClickException(f"no browser could be opened; the page is {page}")


def _latest(wiring: Wiring) -> str:
    """The latest run, if it has a report."""
    run = wiring.runs.current()
    if run is None:
        raise NotNow("no run has been started yet")
    if run.report is None:
        reason = f": {run.reason}" if run.reason else ""
        raise NotNow(f"run {run.run_id} has no report, it is {run.status}{reason}")
    return run.run_id


def _view(stored: Mapping[str, Any]) -> RenderableType:
    head = Table.grid(padding=(0, 2))
    head.add_column(style="bold")
    head.add_column(overflow="fold")
    for name in ("run_id", "status", "index", "started_at", "ended_at"):
        head.add_row(name.replace("_", " "), str(stored[name]))
    head.add_row("duration", duration(stored["duration_seconds"]))
    head.add_row("rounds", f"{stored['rounds']:,}")
    head.add_row("images", f"{stored['images']:,}")
    head.add_row("dead letters", f"{stored['dead_letters']:,}")
    for problem in stored["problems"]:
        head.add_row("problem", problem)
    states = table("state", "code", "images", "this run", right=("code", "images", "this run"))
    for state, code in CODES.items():
        images, ours = stored["states"][state], stored["this_run"][state]
        states.add_row(state, str(code), f"{images:,}", f"{ours:,}")
    parts: list[RenderableType] = [head, "", states]
    if stored["failures"]:
        failures = table(
            "failure", "fingerprint", "images", "message", "for example", right=("images",)
        )
        kinds = sorted(stored["failures"].items(), key=lambda pair: -pair[1]["count"])
        for fingerprint, kind in kinds:
            failures.add_row(
                kind["code"],
                fingerprint,
                f"{kind['count']:,}",
                kind["message"],
                kind["examples"][0] if kind["examples"] else "",
            )
        parts += ["", failures]
    return Group(*parts)
