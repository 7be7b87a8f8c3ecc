"""``reindex start``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from reindex.domain.source_kinds import TABLE
from reindex.text import counted

from .errors import Findings
from .rehearsing import MAX_SAMPLE, Sampling, rehearse_on
from .run_options import Asked, run_options
from .session import Session, example, on_stack

#: Seconds between looks with --watch.
_LOOK_SECONDS = 2.0


@click.command(
    epilog=example(
        "reindex start --watch",
        "reindex start --source bucket --skip-unchanged",
        "reindex start --source index --lacking metadata.title --limit 1000",
        """reindex start --source index --query '{"match": {"metadata.credit": "AP"}}'""",
        "reindex start --source file --file ids.txt --only-new",
        "reindex start --source index --plan",
        "reindex start --source index --rehearse 1000 --accept metadata.suppliersReference",
    )
)
@run_options
@click.option(
    "--plan", is_flag=True, help="Say how long it would take and what it would cost; start nothing."
)
@click.option(
    "--rehearse",
    "sample",
    type=click.IntRange(1, MAX_SAMPLE),
    metavar="N",
    help="Rehearse N images first (reindex rehearse), and start only if that passes.",
)
@click.option(
    "--accept",
    multiple=True,
    metavar="FIELD",
    help="A field that the rehearsal may lose, with all below it; may be given several times.",
)
@click.option("--watch", is_flag=True, help="Show how the run goes on until it has ended.")
@on_stack
def start(
    session: Session,
    *,
    asked: Asked,
    plan: bool,
    sample: int | None,
    accept: Sequence[str],
    watch: bool,
) -> None:
    """Start a run, and print its id once Preflight opened it.

    With a source, the run first gathers ids from there, in the cloud, queues them as
    upload-ids does, and notices ids of a file that have another form than most. Preflight then
    looks for all that would make the run fail: each finding is a line on stderr,
    and the exit status is 1; what was gathered stays queued. Only one run can be open. With
    --watch the exit status is 0 if the run succeeds, else 1.

    A rehearsal takes its images from the run's own source where that is a file or a query of the
    index, and else draws them from the whole index.
    """
    if accept and sample is None:
        raise click.UsageError("--accept needs --rehearse")
    from reindex.steps.ambient import fresh_name
    from reindex.steps.preflight import PreflightFailed

    from .id_files import as_file, ids_of, open_ids
    from .id_forms import IdForms
    from .run_control import RunControl
    from .status_view import follow
    from .terminal import progress

    run_id = fresh_name(session.wiring.clock)
    options = asked.options(run_id)
    control = RunControl.of(session.wiring)
    if plan:
        from .run_plan import planned
        from .terminal import note

        note(planned(session.wiring, options.source, asked))
        return
    control.require_none_open()
    if sample is not None:
        _require_rehearsal(session, asked, sample, accept)
    forms = None
    if asked.file and options.source.key:
        forms = IdForms.of_table(session.wiring.table)
        with progress("Uploading the ids"), open_ids(asked.file) as lines:
            ids = forms.counting(ids_of(lines, lower=asked.lower))
            session.wiring.files.upload(options.source.key, as_file(ids))
    with progress("Opening the run" if options.source.kind == TABLE else "Gathering ids"):
        session.on_interrupt(f"run {run_id} may have been started; reindex status tells")
        execution = control.start(run_id, options)
        session.on_interrupt(f"run {run_id} goes on; reindex abort ends it")
        try:
            opened = control.await_opening(run_id, execution)
        except PreflightFailed as failure:
            raise Findings("The run was not opened", failure.findings) from failure
    click.echo(run_id)
    for line in forms.warnings() if forms else ():
        click.echo(line, err=True)
    if archived := opened.gathered.get("archived"):
        click.echo(
            f"{archived:,} originals are in an archive and cannot be read: restore them, or they "
            "end as source_archived.",
            err=True,
        )
    if watch:
        follow(session, seconds=_LOOK_SECONDS, as_json=False)


def _require_rehearsal(session: Session, asked: Asked, sample: int, accept: Sequence[str]) -> None:
    """Rehearse, and go no further unless it passes."""
    from reindex.stores.search.ids import matching

    query = None if asked.file else matching(asked.query, asked.lacking)
    sampling = Sampling(
        sample=sample, ids=asked.file, lower=asked.lower, query=query, accept=accept
    )
    found = rehearse_on(session.wiring, sampling)
    if problems := found["problems"]:
        raise Findings("Nothing was started, for the rehearsal did not pass", problems)
    click.echo(f"The rehearsal of {counted(found['images'], 'image')} passed.", err=True)
