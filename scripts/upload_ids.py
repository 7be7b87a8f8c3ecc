"""``reindex upload-ids``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import click

from .id_files import ids_of, open_ids
from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.steps.upload import Uploaded


@click.command(
    epilog=example(
        "reindex upload-ids ids.txt",
        "aws s3 ls --recursive s3://originals | sed 's:.*/::' | reindex upload-ids -",
        "reindex upload-ids --lower ids.txt",
    )
)
@click.argument("file", metavar="FILE|-")
@click.option(
    "--only-new", is_flag=True, help="Leave images that were finished before as they are."
)
@click.option("--lower", is_flag=True, help="Turn all ids to lower case.")
@on_stack
def upload_ids(session: Session, *, file: str, only_new: bool, lower: bool) -> None:
    """Ask for images to be reindexed.

    FILE holds one image id per line; - is stdin. An id that is new is inserted; one that was
    finished before is queued again; one that is in work is projected anew if its original was
    read before. Blank lines and duplicates are dropped, and counted. It may be repeated: what
    was uploaded before is then found in work.

    Ids of another form than most in the table (upper case among lower case, blanks inside, a
    header line) are uploaded as well; a line on stderr counts them, with an example.
    """
    from reindex.steps.ambient import fresh_name
    from reindex.steps.upload import Uploaded

    from .id_forms import IdForms
    from .terminal import progress

    done = Uploaded()
    forms: IdForms | None = None

    def note(so_far: Uploaded) -> None:
        nonlocal done
        done = so_far
        advance(_position(lines), f"{so_far.seen:,} lines")

    session.on_interrupt(
        lambda: (
            f"{counts(done)} so far; upload the same ids again to go on"
            if done.seen
            else "no id was uploaded"
        ),
        lambda: forms.warnings() if forms and done.seen else (),
    )
    with (
        open_ids(file) as lines,
        progress("Uploading", _size(lines)) as advance,
    ):
        # Before the stack is even looked for: an empty file must leave no trace.
        first = [*_up_to_an_id(lines)]
        if not first or first[-1].isspace():
            raise click.ClickException(f"no ids in {file}")
        upload = session.wiring.run_steps.upload(
            fresh_name(session.wiring.clock), only_new=only_new
        )
        forms = IdForms.of_table(session.wiring.table)
        ids = ids_of(chain(first, lines), lower=lower)
        done = upload.upload(forms.counting(ids), note)
    click.echo(counts(done))
    for line in forms.warnings():
        click.echo(line, err=True)


def counts(done: Uploaded) -> str:
    """Return the numbers of ids by what became of them."""
    unreadable = f", {done.unreadable:,} with unreadable rows" if done.unreadable else ""
    return (
        f"{done.new:,} new, {done.queued_again:,} queued again, "
        f"{done.left_finished:,} left finished, {done.in_work:,} in work already, "
        f"{done.duplicates:,} duplicates, {done.blank:,} blank, {done.invalid:,} invalid"
        f"{unreadable}"
    )


def _up_to_an_id(lines: IO[str]) -> Iterator[str]:
    """Yield the lines up to the first that is not blank."""
    for line in lines:
        yield line
        if not line.isspace():
            return


def _size(lines: IO[Any]) -> int | None:
    """Bytes of a file; None for what has no size, as a pipe."""
    try:
        return os.fstat(lines.fileno()).st_size or None
    except OSError:
        return None


def _position(lines: IO[Any]) -> int:
    """Bytes read so far; a text file that is iterated over does not say itself."""
    try:
        return lines.buffer.tell()  # type: ignore[attr-defined, no-any-return]
    except OSError:
        return 0
