"""``reindex start``."""

from __future__ import annotations

import click

from reindex.steps.preflight import PreflightFailed
from scripts.run_control import RunControl
from scripts.session import Session, example, fresh_name, on_stack
from scripts.status_view import follow

#: Seconds between looks with --watch.
_LOOK_SECONDS = 2.0


@click.command(epilog=example("reindex start --watch"))
@click.option("--watch", is_flag=True, help="Show how the run goes on until it has ended.")
@on_stack
def start(session: Session, *, watch: bool) -> None:
    """Start a run, and print its id once Preflight has opened it.

    Preflight looks for all that would make the run fail: each finding is a line on stderr,
    the exit status is 1, and nothing was touched. Only one run can be open. With --watch the
    exit status is 0 if the run succeeds, else 1.
    """
    control = RunControl.of(session.wiring)
    run_id = fresh_name(session.wiring.clock)
    session.stands(f"run {run_id} may have been started; reindex status tells")
    execution = control.start(run_id)
    session.stands(f"run {run_id} goes on; reindex abort ends it")
    try:
        control.await_opening(run_id, execution)
    except PreflightFailed as failure:
        findings = "\n".join(f"  {finding}" for finding in failure.findings)
        raise click.ClickException(f"Preflight did not open the run:\n{findings}") from failure
    click.echo(run_id)
    if watch:
        follow(session, seconds=_LOOK_SECONDS, as_json=False)
