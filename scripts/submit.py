"""``reindex submit``."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .ingest_options import ingest_wiring
from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.steps.submit import Submitting
    from reindex.wiring import Wiring


@click.command(
    epilog=example(
        "reindex submit photo.jpg",
        "reindex submit pictures/ --as agency --identifier agencyref=WS-2024-0112",
    )
)
@click.argument(
    "paths",
    metavar="FILE|DIR...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option(
    "--as",
    "submitter",
    metavar="NAME",
    help="Who submits; the document's uploadedBy (default: your user name).",
)
@click.option(
    "--identifier",
    "identifiers",
    metavar="NAME=VALUE",
    multiple=True,
    help="A foreign identifier of all the files; may be repeated.",
)
@click.option(
    "--eager", is_flag=True, help="Process the files here and now, and wait for the index."
)
@on_stack
def submit(
    session: Session,
    *,
    paths: tuple[Path, ...],
    submitter: str | None,
    identifiers: tuple[str, ...],
    eager: bool,
) -> None:
    """Submit image files to the library.

    Each is archived, gets its renditions, and is indexed by the stage's live lane. Prints each
    file's image id, and what became of it. Of a directory all files are submitted, those in its
    directories included. It may be repeated: a file that waits already, or is archived, is not
    sent again. reindex submissions shows what became of them.

    With --eager this process does all of it, one file after the other, by the same steps and with
    your permissions. Exit status 1 if one of them fails; --debug shows the log.
    """
    from reindex.steps.submit import Submitting

    from .terminal import note, progress

    name = submitter or getpass.getuser()
    if "/" in name:
        raise click.UsageError("NAME must not hold a slash.")
    given = dict(map(_identifier, identifiers))
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise click.ClickException("no file there")
    wiring = ingest_wiring(session)
    submitting = Submitting(wiring.submitted_files, wiring.library, wiring.clock, name, given)
    if eager:
        _submit_eagerly(session, wiring, submitting, files)
        return
    counts: Counter[str] = Counter()
    session.on_interrupt(lambda: f"{_counted(counts) or 'no file was sent'}; submit again to go on")
    with progress("Submitting", len(files)) as advance:
        for done in submitting.submit(files):
            counts[done.sent] += 1
            advance(counts.total(), f"{counts.total():,} files")
            note(f"{done.image_id}  {done.path}  {done.sent}")
    click.echo(_counted(counts), err=True)


def _submit_eagerly(
    session: Session, wiring: Wiring, submitting: Submitting, files: list[Path]
) -> None:
    from reindex.domain.submissions import SubmissionState
    from reindex.steps.ambient import fresh_name
    from reindex.steps.eager_submission import EagerSubmission
    from reindex.text import counted

    from .terminal import note

    session.on_interrupt("some files may have been processed; submit again to go on")
    name = f"eager-{fresh_name(wiring.clock)}"
    processing = EagerSubmission(
        wiring.lane.ingest, wiring.lane.now, wiring.submissions, wiring.clock, name
    )
    failed = 0
    for path in files:
        row = processing.submit(path, submitting.key(path), submitting.metadata(path))
        failed += row.state is SubmissionState.FAILED
        why = f" {row.failure.code}: {row.failure.message}" if row.failure else ""
        note(f"{row.image_id or '-'}  {path}  {row.state.value}{why}")
    if failed:
        raise click.ClickException(f"{counted(failed, 'file')} failed")


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or all files below a directory except hidden ones."""
    if not path.is_dir():
        yield path
        return
    for found in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
        if found.is_file() and not hidden:
            yield found


def _identifier(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise click.UsageError(f"--identifier {text!r} is not of the form NAME=VALUE.")
    return name, value


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))
