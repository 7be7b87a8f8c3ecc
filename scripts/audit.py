"""``reindex audit``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from reindex.domain.audit_classes import ImageClass

from .errors import Findings
from .options import page_option
from .session import Session, example, on_stack

if TYPE_CHECKING:
    from pathlib import Path

    from reindex.stores.interfaces.run_files import RunFiles

#: Seconds between looks at an audit that goes on.
_LOOK_SECONDS = 2.0

#: Seconds after its failure in which an audit is resumed.
_RESUMABLE_SECONDS = 1_200


@click.command(
    epilog=example(
        "reindex audit",
        "reindex audit --last --lists audit",
        "reindex audit --accept document_of_no_run --html audit.html",
        "reindex audit --deep",
    )
)
@click.option(
    "--deep",
    is_flag=True,
    help="Project every image, and compare: costs as much as projecting in a run.",
)
@click.option("--last", is_flag=True, help="Show the last audit; start none.")
@click.option(
    "--accept-shrunk",
    is_flag=True,
    help="Listings that have shrunk are right: no finding, and what later audits compare with.",
)
@click.option(
    "--accept",
    multiple=True,
    type=click.Choice([name.value for name in ImageClass]),
    metavar="CLASS",
    help="A class whose images are no finding; may be given several times.",
)
@click.option(
    "--lists",
    "folder",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Write the ids of each class to CLASS.txt in there.",
)
@click.option("--json", "as_json", is_flag=True, help="All that was found, as JSON.")
@page_option()
@on_stack
def audit(
    session: Session,
    *,
    last: bool,
    accept: Sequence[str],
    folder: str | None,
    as_json: bool,
    file: str | None,
    **options: bool,
) -> None:
    """Compare all stores; say what to do about each difference.

    Lists all originals, thumbnails, crops, user data, documents and the progress table, in the
    cloud, and compares them: originals without a document, documents and rows without an
    original, documents that are older than their truth, missing thumbnails and crops, ids that
    were never uploaded, documents of no run. What is found is looked at again after a while, so
    that a change that was just under way is not reported. Nothing is changed.

    The audit goes on if this is interrupted; called again, it waits for the same. After one that
    failed a moment ago, it goes on with what is left. The exit status is 1 if something was found,
    except in classes that --accept names.
    """
    if last and any(options.values()):
        raise click.UsageError("--last starts no audit: leave out --deep and --accept-shrunk.")
    from pathlib import Path

    from reindex.steps.audit_files import page_key

    summary = _last(session) if last else _audit(session, options)
    files = session.wiring.files
    if folder:
        _write_lists(files, summary, Path(folder))
    if file:
        Path(file).write_bytes(files.get(page_key(summary["audit_id"])))
    if as_json:
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        _show(summary, folder)
    if problems := _problems(summary, accept):
        raise Findings("The audit found", problems)


def _last(session: Session) -> Mapping[str, Any]:
    from reindex.steps.audit_files import latest_summary

    from .run_control import NotNow

    found = latest_summary(session.wiring.files)
    if found is None:
        raise NotNow("there was no audit yet: reindex audit makes one")
    return found


def _audit(session: Session, options: Mapping[str, bool]) -> Mapping[str, Any]:
    """Start an audit, or find the one that goes on; wait for its end, return its summary.

    Args:
        session: Of the command.
        options: The input of an execution: ``deep`` and ``accept_shrunk``.
    """
    from reindex.domain.run_records import run_id_of
    from reindex.steps.audit_files import AuditFiles, audit_id_of, summary_key

    from .run_control import NotNow
    from .terminal import progress

    wiring = session.wiring
    executions = wiring.audit_executions
    session.on_interrupt("an audit may have been started; reindex audit waits for it")
    [execution, *_] = executions.running() or [executions.start(_name(session, options), options)]
    audit_id = audit_id_of(run_id_of(execution))
    session.on_interrupt(f"audit {audit_id} goes on; reindex audit waits for it")
    with progress(f"Audit {audit_id}", total=1.0) as advance:
        while (state := executions.look(execution)).is_running:
            advance(*AuditFiles(wiring.files, audit_id).progress())
            wiring.clock.sleep(_LOOK_SECONDS)
    if state.status != "SUCCEEDED":
        raise NotNow(f"audit {audit_id} failed: {state.message}")
    if options["accept_shrunk"] and not AuditFiles(wiring.files, audit_id).plan()["accept_shrunk"]:
        raise NotNow(f"audit {audit_id} was started without --accept-shrunk: call this again")
    found: Mapping[str, Any] = json.loads(wiring.files.get(summary_key(audit_id)))
    return found


def _name(session: Session, options: Mapping[str, bool]) -> str:
    """Return the name of a new execution.

    It goes on with the last audit if that failed a moment ago, while the index still keeps the
    state that it lists; what is done is not done again.
    """
    from reindex.domain.run_records import run_id_of
    from reindex.steps.ambient import fresh_name
    from reindex.steps.audit_files import AuditFiles, audit_id_of

    wiring = session.wiring
    fresh = fresh_name(wiring.clock)
    for past in wiring.audit_executions.latest(1):
        audit_id = audit_id_of(run_id_of(past.arn))
        ended = past.ended_at.timestamp() if past.ended_at else 0.0
        has_failed = past.status not in {"RUNNING", "SUCCEEDED"}
        if has_failed and wiring.clock.now() - ended < _RESUMABLE_SECONDS:
            with suppress(KeyError):
                plan = AuditFiles(wiring.files, audit_id).plan()
                if all(plan[name] is value for name, value in options.items()):
                    return f"{audit_id}.{fresh}"
    return fresh


def _write_lists(files: RunFiles, summary: Mapping[str, Any], folder: Path) -> None:
    from reindex.steps.audit_files import bodies

    from .run_control import NotNow

    folder.mkdir(parents=True, exist_ok=True)
    for found in summary["classes"]:
        path = folder / f"{found['name']}.txt"
        with path.open("wb") as written:
            for body in bodies(files, found["ids"]):
                written.write(body)
            if found["count"] and not written.tell():
                raise NotNow(f"the ids of audit {summary['audit_id']} have expired: audit again")


def _show(summary: Mapping[str, Any], folder: str | None) -> None:
    from reindex.reports.audit_summary import FOLDER, shrunk_in_words

    from .terminal import note, show, table

    counts = table("class", "images", "what is wrong", right=("images",))
    for found in summary["classes"]:
        counts.add_row(found["name"], f"{found['count']:,}", found["title"])
    show(counts)
    for each in summary["shrunk"]:
        note(shrunk_in_words(each))
    for line in summary["notes"]:
        note(line)
    with_images = [found for found in summary["classes"] if found["count"]]
    for found in with_images:
        click.echo()
        note(f"{found['title']}: {found['count']:,}, such as {found['examples'][0]}.")
        note(found["advice"])
        if found["command"]:
            note(f"  {_command(found, folder)}")
    if with_images and not folder:
        click.echo()
        note(f"reindex audit --last --lists {FOLDER} writes the files of ids.")


def _command(found: Mapping[str, Any], folder: str | None) -> str:
    """Return the command of a class, with the file that was written."""
    import shlex

    from reindex.reports.audit_summary import file_of

    command = str(found["command"])
    if folder is None:
        return command
    return command.replace(file_of(found["name"]), shlex.quote(file_of(found["name"], folder)))


def _problems(summary: Mapping[str, Any], accept: Sequence[str]) -> list[str]:
    from reindex.reports.audit_summary import shrunk_in_words

    return [
        *map(shrunk_in_words, summary["shrunk"]),
        *(
            f"{found['title']}: {found['count']:,}"
            for found in summary["classes"]
            if found["count"] and found["name"] not in accept
        ),
    ]
