"""A migration of a stage, as the actions of ``reindex migrate`` work on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from reindex.domain.migration import Migration, MigrationRefused, MigrationState
from reindex.domain.options import RunOptions, Source
from reindex.domain.source_kinds import INDEX, UPLOADS
from reindex.domain.states import State
from reindex.settings import Projection
from reindex.text import counted

from .errors import Findings
from .session import Session

if TYPE_CHECKING:
    from reindex.stores.interfaces.migrations import MigrationIndex
    from reindex.wiring import Wiring

#: Seconds between looks at a round that is waited for.
_LOOK_SECONDS: Final = 2.0

#: Failures of documents that are tried that are shown.
_FAILURES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options with which a migration begins.

    Attributes:
        to: URL of the cluster to create the new index on; None for the stage's own.
        mapping: Path of the file with the new mapping; None for the stage's own.
        source: Where further ids come from; None for nowhere.
        ids: Path of the file of ids, or ``-``.
        lower: True if its ids are turned to lower case.
        sample: Documents that are tried first; None for none.
    """

    to: str | None
    mapping: str | None
    source: str | None
    ids: str | None
    lower: bool
    sample: int | None


def begin(session: Session, wanted: Wanted) -> Migration:
    """Create the new index, try it if requested, and start its build.

    Raises:
        Findings: Names what keeps the migration from beginning, or what the new index refuses.
        MigrationRefused: Another migration is open.
        NotNow: A run is open.
    """
    from .run_control import RunControl
    from .terminal import progress

    wiring = session.wiring
    documents = wiring.settings[Projection]
    if not wanted.mapping and (documents.document_mapping or not documents.own_documents):
        raise click.UsageError(
            "the stage's documents have a shape of their own: give --mapping FILE"
        )
    index = _index_with_mapping(wiring, wanted.mapping) if wanted.mapping else wiring.index
    control = wiring.migration_steps.control_with(index)
    if findings := control.findings(wanted.to):
        raise Findings("A migration cannot begin", findings)
    RunControl.of(wiring).require_none_open()
    sources = [RunOptions(source=Source(kind=INDEX))]
    if wanted.source:
        sources.append(RunOptions(source=_further(session, wanted.source, wanted)))
    session.on_interrupt("the migration may be half begun; repeat it")
    with progress("Creating the index"):
        found = control.create(sources, wanted.to)
    if wanted.sample:
        _try(session, found, wanted.sample)
    return control.follow()


def _further(session: Session, kind: str, wanted: Wanted) -> Source:
    """Return the further source of ids; a file is uploaded first."""
    from reindex.steps.ambient import fresh_name

    from .id_files import as_file, ids_of, open_ids
    from .terminal import progress

    if wanted.ids is None:
        return Source(kind=kind)
    wiring = session.wiring
    key = f"{UPLOADS}{fresh_name(wiring.clock)}.txt"
    with progress("Uploading the ids"), open_ids(wanted.ids) as lines:
        wiring.files.upload(key, as_file(ids_of(lines, lower=wanted.lower)))
    return Source(kind=kind, key=key)


def _try(session: Session, found: Migration, size: int) -> None:
    """Write documents drawn at random to the new index; go no further if it refuses one."""
    from .terminal import note, progress

    wiring = session.wiring
    ids = wiring.index.sample(found.old.name, size, int(wiring.clock.now()))
    with progress("Trying the new index"):
        result = wiring.migration_steps.switching(note).try_out(found, ids)
    # An image without an original is not a problem of the new index, which must not contain it.
    refused = [
        row for row in result.rows.values() if row.failure and row.state is not State.NOT_FOUND
    ]
    if refused:
        lines = [
            f"{row.id}: {row.failure.message} {row.failure.detail}"
            for row in refused[:_FAILURES_SHOWN]
            if row.failure
        ]
        raise Findings(
            f"{counted(len(refused), 'document')} of {len(ids):,} tried failed (reindex migrate "
            "abort gives the new index up, reindex migrate start goes on all the same)",
            lines,
        )
    taken = result.states[State.VERIFIED]
    note(f"{found.new.name} took {taken:,} of {counted(len(ids), 'document')} that were tried.")


def _index_with_mapping(wiring: Wiring, file: str) -> MigrationIndex:
    from pathlib import Path

    from reindex.stores.search.schema import library_schema

    return wiring.index_with_schema(library_schema(Path(file).read_text(encoding="utf-8")))


def require_built(found: Migration) -> Migration:
    """Return a migration whose target has been built.

    Raises:
        MigrationRefused: It is still being built, or people search the target already.
    """
    if found.state not in (
        MigrationState.CATCHING_UP,
        MigrationState.ROLLING_BACK,
        MigrationState.SWITCHING,
        MigrationState.HANDED_OVER,
    ):
        raise MigrationRefused(
            f"migration {found.id} is {found.state}: there is nothing to compare or to switch to"
        )
    return found


class Switch:
    """Moves the alias of a stage's migration.

    Args:
        session: Of the verb.
        also: Further aliases that are to move.
    """

    def __init__(self, session: Session, also: Sequence[str]) -> None:
        self._session = session
        self._wiring = session.wiring
        self._also = tuple(also)

    def show_plan(self) -> None:
        """Say what would be done, and what would be left.

        Raises:
            MigrationRefused: It may not be switched now.
        """
        from .terminal import note

        found = require_built(self._wiring.migration_steps.control.current())
        if found.target_position is None:
            found.switching()
        names = ", ".join((found.alias, *self._also))
        note(f"Would make {found.target.name} as an index that people search:")
        for name, value in found.live_settings.items():
            note(f"  {name} = {value or 'the default'}")
        if found.destination:
            note(
                "Would run a last round, with a count of the whole table; bring along what changes"
            )
            note(f"meanwhile; and make {names} on {found.destination} lead to it. Then the library")
            note(f"moves by itself, and {found.target.name} follows until")
            note("reindex migrate finish. --yes does it.")
            return
        note(f"Would run a last round over {found.target.name}, with a count of the whole table;")
        note(f"bring along what changes meanwhile; move {names} from {found.source.name} to")
        note(f"{found.target.name} in one request; and bring along what was written meanwhile.")
        if left := self._left(found):
            note(f"Other aliases of {found.source.name} stay there: {', '.join(left)} (--also).")
        note("--yes does it.")

    def apply(self) -> None:
        """Do it.

        Raises:
            MigrationRefused: It may not be switched now, or the last round failed.
            IndexMisconfigured: One of the indices cannot be used, or the aliases cannot be moved.
            StoreUnavailable: A service does not answer: repeat it.
        """
        from .terminal import note, progress

        wiring = self._wiring
        found = require_built(wiring.migration_steps.control.current())
        left = self._left(found)
        self._session.on_interrupt("the switch may be half done; repeat it")
        switching = wiring.migration_steps.switching(note)
        if found.target_position is None:
            found = switching.stop_rounds()
            with progress("Waiting for the round that runs"):
                found = self._await_round(found)
            with progress(f"Waiting for {found.target.name} to be healthy"):
                switching.make_live(found)
            with progress("A last round, and a count of the table"):
                found = self._await_round(self._last_round(found))
        with progress("Making the alias" if found.destination else "Moving the alias"):
            done = switching.switch(found, self._also)
        if done.state is MigrationState.HANDED_OVER:
            _show_what_to_do(done)
            return
        if left:
            note(f"Other aliases of {found.source.name} stay there: {', '.join(left)}.")
        if done.state is MigrationState.SWITCHED:
            note(
                f"People search {done.new.name}. reindex migrate rollback leads them back; reindex "
                f"migrate drop-old deletes {done.old.name}."
            )
        else:
            note(f"People search {done.old.name} again; {done.new.name} follows it.")

    def _left(self, found: Migration) -> list[str]:
        """Return the aliases of the source that are not to move."""
        moving = {found.alias, *self._also}
        return [a for a in self._wiring.index.aliases_of(found.source.name) if a not in moving]

    def _last_round(self, found: Migration) -> Migration:
        """Start a round that ends with the scan of the whole table."""
        from reindex.steps.rounds import changes_of

        options = changes_of(found, surplus=True, scan=True)
        begun = self._wiring.migration_steps.rounds.begin(found, options)
        if begun is None:
            raise MigrationRefused(f"migration {found.id} was changed by another call: repeat it")
        return begun

    def _await_round(self, found: Migration) -> Migration:
        """Wait until no round runs, and return the record.

        Raises:
            MigrationRefused: The round failed.
        """
        found = _without_round(self._wiring, found)
        if found.failed_rounds:
            raise MigrationRefused(
                f"the round failed: {found.rounds[-1].problem}. Mend it and repeat the switch; "
                "reindex migrate resume gives it up"
            )
        return found


def _without_round(wiring: Wiring, found: Migration) -> Migration:
    """Wait until no round runs, and return the record."""
    rounds = wiring.migration_steps.rounds
    rounds.start_missing(found)
    while found.round is not None:
        found = rounds.look(found)
        if found.round is not None:
            wiring.clock.sleep(_LOOK_SECONDS)
    return found


def _show_what_to_do(found: Migration) -> None:
    from .terminal import note

    note(f"{found.new.name} is ready, and follows {found.old.name}. Now, in this order:")
    note(f"1. Lead people and live writers to {found.destination}, alias {found.alias}.")
    note("2. Exchange elasticsearch_url and index.other_cluster in the stage, each with its")
    note("   secret, engine and domain, and deploy it.")
    note("3. reindex migrate finish --yes, once nothing writes to the old cluster any more.")
    note("Until then the library may go back to the old cluster, which stays as it is.")


def finish_migration(session: Session, *, yes: bool) -> None:
    """End a migration to another cluster.

    Raises:
        MigrationRefused: The new index was not handed over.
        StoreUnavailable: A service does not answer: repeat it.
    """
    from .terminal import note, progress

    wiring = session.wiring
    found = wiring.migration_steps.control.current()
    found.finished(wiring.clock.now())
    if not yes:
        note(f"Would bring along what was written to {found.old.name} in the last moments, and end")
        note(f"migration {found.id}. Neither index is deleted. --yes does it.")
        return
    session.on_interrupt("the migration is paused; repeat it, or reindex migrate resume")
    paused = wiring.migration_steps.control.pause()
    with progress("Waiting for the round that runs"):
        paused = _without_round(wiring, paused)
    with progress("Bringing along the last moments"):
        done = wiring.migration_steps.switching(note).finish(paused)
    note(f"Migration {done.id} is finished: {done.new.name} follows no further.")
    note("index.other_cluster may leave the stage.")


def abort_migration(session: Session, *, yes: bool) -> None:
    """Give the new index up, and end the round that runs, if one does.

    Raises:
        MigrationRefused: People search it.
    """
    from .run_control import RunControl
    from .terminal import note

    wiring = session.wiring
    control = wiring.migration_steps.control
    if not yes:
        found = control.current()
        found.aborted(wiring.clock.now())
        note(f"Would end migration {found.id} and delete {found.new.name}; --yes does.")
        return
    session.on_interrupt("the migration may be half ended; repeat it")
    current = wiring.runs.current()
    is_round = current is not None and bool(current.migration) and current.is_open
    runs = RunControl.of(wiring)
    done = control.abort(runs.abort if is_round else lambda: None)
    note(f"Migration {done.id} is aborted; {done.new.name} is deleted.")


def drop_old_index(session: Session, *, yes: bool) -> None:
    """Delete the old index.

    Raises:
        MigrationRefused: People still search it.
        IndexMisconfigured: Another alias leads to it.
    """
    from .terminal import note

    control = session.wiring.migration_steps.control
    if not yes:
        found = control.current()
        found.old_dropped(session.wiring.clock.now())
        note(f"Would delete {found.old.name}, after which there is no way back; --yes does.")
        return
    session.on_interrupt("the old index may be deleted; repeat it")
    done = control.drop_old()
    note(f"Migration {done.id} is finished; {done.old.name} is deleted.")
