"""``reindex report``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from rich.console import Group, RenderableType
from rich.table import Table

from reindex.states import CODES
from scripts.run_control import NotNow
from scripts.session import Session, example, on_stack
from scripts.terminal import duration, show, table

if TYPE_CHECKING:
    from reindex.wiring import Wiring


@click.command(
    epilog=example(
        "reindex report", "reindex report --run-id 20261122-031500-ab12 --json | jq .failure_codes"
    )
)
@click.option("--run-id", metavar="ID", help="Of the run; the latest without it.")
@click.option("--json", "as_json", is_flag=True, help="The report as it is stored.")
@on_stack
def report(session: Session, *, run_id: str | None, as_json: bool) -> None:
    """Show a run's report.

    That is: how it ended, the tally of states, and the failures, the most frequent first.
    """
    key = f"reports/{run_id}.json" if run_id else _latest(session.wiring)
    try:
        stored = json.loads(session.wiring.files.get(key))
    except KeyError:
        raise NotNow(f"there is no report {key}") from None
    if as_json:
        click.echo(json.dumps(stored, indent=2))
    else:
        show(_view(stored))


def _latest(wiring: Wiring) -> str:
    run = wiring.runs.current()
    if run is None:
        raise NotNow("no run has been started yet")
    if run.report is None:
        reason = f": {run.reason}" if run.reason else ""
        raise NotNow(f"run {run.run_id} has no report, it is {run.status}{reason}")
    return run.report


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
