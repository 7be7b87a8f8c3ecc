"""``reindex migrate``."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from reindex.domain.source_kinds import BUCKET, FILE

from .comparing import Terms, comparison_options
from .options import result_options
from .session import Session, example, on_stack


class _InOrder(click.Group):
    """Lists the actions in the order in which an operator meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)


@click.group(
    cls=_InOrder,
    epilog=example(
        "reindex migrate start --mapping new.json",
        "reindex migrate status",
        "reindex migrate compare --html comparison.html",
        "reindex migrate switch --yes",
        "reindex migrate drop-old --yes",
    ),
)
def migrate() -> None:
    """Lead people to a new index, built beside the live one.

    People search the old index, and live writers write to it, until "switch" moves the alias in
    one request. The new one is built from the truth, and follows what changes in the old one by
    itself. "rollback" leads people back until "drop-old" ends it. No write is lost on the way.

    With "start --to" the new index is on another cluster. Then "switch" makes it ready and the
    library moves by itself, while the new index follows the old one until "finish".
    """


@migrate.command(
    epilog=example(
        "reindex migrate start",
        "reindex migrate start --mapping new.json --sample 100",
        "reindex migrate start --source bucket",
        "reindex migrate start --to https://new.example:9200",
    )
)
@click.option(
    "--to",
    metavar="URL",
    help="Create the new index on another cluster, which may run the other engine: the stage's "
    "index.other_cluster.",
)
@click.option(
    "--mapping",
    "file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="The new mapping: JSON with mappings and settings, as an index is created, or the "
    "mapping alone. Without, the mapping of this release, or that of the stage.",
)
@click.option(
    "--source",
    type=click.Choice((BUCKET, FILE)),
    help="Where further ids come from, beside those of the old index: all originals, or a file.",
)
@click.option("--file", "ids", metavar="PATH|-", help="The file, one id per line; - is stdin.")
@click.option("--lower", is_flag=True, help="Turn all ids of the file to lower case.")
@click.option(
    "--sample",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="First write N documents, drawn at random, to the new index; go on only if it takes them.",
)
@on_stack
def start(
    session: Session,
    *,
    to: str | None,
    file: str | None,
    source: str | None,
    ids: str | None,
    lower: bool,
    sample: int | None,
) -> None:
    """Create the new index, and start its build.

    First from every document of the old index, then from every id of --source, if one is given.
    A start that was killed is taken up by the next.
    """
    if (source == FILE) != (ids is not None):
        raise click.UsageError("--source file and --file go together")
    if lower and ids is None:
        raise click.UsageError("--lower needs --source file")
    from .migrating import Wanted, begin
    from .terminal import note

    found = begin(session, Wanted(to, file, source, ids, lower, sample))
    note(f"Migration {found.id} builds {found.new.name} beside {found.old.name}.")
    note("Its rounds start by themselves: reindex migrate status shows how far it is.")


@migrate.command(epilog=example("reindex migrate status", "reindex migrate status --json"))
@click.option("--json", "as_json", is_flag=True, help="All that is known, as JSON.")
@on_stack
def status(session: Session, *, as_json: bool) -> None:
    """Show how far the migration is.

    That is: its state, the documents of both indices, how far one is behind the other, the last
    rounds, and what they cost.
    """
    from .migration_status import look
    from .migration_view import view
    from .terminal import show

    found = look(session.wiring)
    if as_json:
        click.echo(json.dumps(found.as_json() if found else None, indent=2))
    elif found is None:
        click.echo("No migration has been started yet.")
    else:
        show(view(found))


@migrate.command(
    epilog=example(
        "reindex migrate compare",
        "reindex migrate compare --html comparison.html --accept metadata.supplier",
    )
)
@comparison_options
@result_options
@on_stack
def compare(session: Session, *, terms: Terms, as_json: bool, file: str | None) -> None:
    """Compare all of the new index with the old one.

    It does what "reindex compare" does. The switch needs a comparison, made since the new index
    was built, that found nothing. The exit status is 1 if it found something.
    """
    from .compare import show_comparison
    from .comparing import compare_indices
    from .migrating import require_built

    wiring = session.wiring
    control = wiring.migration_steps.control
    found = require_built(control.current())
    began_at = wiring.clock.now()
    result = compare_indices(wiring, found.source.name, found.target.name, terms)
    control.compared(began_at, result["problems"])
    show_comparison(session, result, as_json=as_json, file=file)


@migrate.command(
    epilog=example("reindex migrate switch", "reindex migrate switch --also images-api --yes")
)
@click.option(
    "--also",
    multiple=True,
    metavar="ALIAS",
    help="A further alias of the old index that is to move; may be given several times.",
)
@click.option("--yes", is_flag=True, help="Do it; without, it is only said what would be done.")
@on_stack
def switch(session: Session, *, also: Sequence[str], yes: bool) -> None:
    """Lead people to the new index.

    After "rollback": back to the old one. A last round counts the whole progress table and writes
    its report and certificate. Then what changed meanwhile is brought along, the alias is moved in
    one request, and what was written in the last moments is brought along, too: twice, the second
    time after settle_seconds. It may be repeated if it is interrupted.

    To another cluster: the same, but the alias is made there, and stays where it is, too. The
    library then moves by itself. The new index follows the old one until "finish".
    """
    from .migrating import Switch

    work = Switch(session, tuple(also))
    if not yes:
        work.show_plan()
        return
    work.apply()


@migrate.command(epilog=example("reindex migrate rollback"))
@on_stack
def rollback(session: Session) -> None:
    """Have the old index follow the new one.

    Then "switch" leads people back to it. What changed since the switch is brought to it from the
    truth. Possible until "drop-old".
    """
    from .terminal import note

    found = session.wiring.migration_steps.control.roll_back()
    note(f"{found.old.name} follows {found.new.name}: reindex migrate status shows how far it is.")
    note("Then reindex migrate switch leads people back to it.")


@migrate.command(epilog=example("reindex migrate finish --yes"))
@click.option("--yes", is_flag=True, help="Do it; without, it is only said what would be done.")
@on_stack
def finish(session: Session, *, yes: bool) -> None:
    """End a migration to another cluster, once the library has moved.

    What was written to the old index in the last moments is brought along, after settle_seconds.
    Then the new index follows no further. Neither index is deleted. It may be repeated if it is
    interrupted; "resume" gives it up.
    """
    from .migrating import finish_migration

    finish_migration(session, yes=yes)


@migrate.command(epilog=example("reindex migrate pause"))
@on_stack
def pause(session: Session) -> None:
    """Start no further round.

    The one that runs goes on; "reindex pause" holds it.
    """
    from .terminal import note

    found = session.wiring.migration_steps.control.pause()
    note(f"Migration {found.id} is paused: {found.target.name} follows no further.")


@migrate.command(epilog=example("reindex migrate resume"))
@on_stack
def resume(session: Session) -> None:
    """Let rounds start again.

    After a pause, after failed rounds, or after a switch that was given up.
    """
    from .terminal import note

    found = session.wiring.migration_steps.control.resume()
    note(f"Migration {found.id} goes on: {found.target.name} follows {found.source.name}.")


@migrate.command(epilog=example("reindex migrate abort --yes"))
@click.option("--yes", is_flag=True, help="Do it; without, it is only said what would be done.")
@on_stack
def abort(session: Session, *, yes: bool) -> None:
    """Give the new index up, and delete it. People search the old one as before."""
    from .migrating import abort_migration

    abort_migration(session, yes=yes)


@migrate.command("drop-old", epilog=example("reindex migrate drop-old --yes"))
@click.option("--yes", is_flag=True, help="Do it; without, it is only said what would be done.")
@on_stack
def drop_old(session: Session, *, yes: bool) -> None:
    """Delete the old index, and so end the migration. There is no way back from here."""
    from .migrating import drop_old_index

    drop_old_index(session, yes=yes)
