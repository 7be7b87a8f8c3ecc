"""The connections to the search clusters.

The client's import takes longer than all others together, and most invocations are of the
projection, which never needs it. So every import of it is inside a function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from reindex import settings as groups
from reindex.settings import Settings
from reindex.stores.interfaces.migrations import MigrationIndex
from reindex.time_limit import TimeLimit

if TYPE_CHECKING:
    from reindex.stores.search.migration_index import MigratingIndex
    from reindex.stores.search.schema import Schema

#: The functions' asset, in which the stack puts the library's own mapping.
ASSET = Path(__file__).parents[2]

#: Seconds before each retry of a read by a long command: two minutes altogether.
READ_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)


class IndexConnections:
    """Connects to the search clusters of a stage.

    Args:
        settings: With the group ``Elasticsearch``; with ``OtherCluster`` for a process that works
            on migrations.
        secret: Returns the text of a secret, given its ARN.
        time_limit: Of the invocation.
    """

    def __init__(
        self, settings: Settings, secret: Callable[[str], str], time_limit: TimeLimit
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._time_limit = time_limit
        self._made: list[MigratingIndex] = []

    def connect(
        self, schema: Schema | None, *, read_pauses: Sequence[float] = ()
    ) -> MigrationIndex:
        """Return the indices of all clusters; each cluster is connected on first use.

        Args:
            schema: The mapping that its documents need; None for that of our own documents.
            read_pauses: Seconds before each retry of a read that a busy cluster did not answer.
        """
        from reindex.stores.search.clusters import Clusters, KnownCluster  # noqa: PLC0415

        settings = self._settings
        own = settings[groups.Elasticsearch].cluster
        other = settings[groups.OtherCluster].cluster if groups.OtherCluster in settings else None
        known = [
            KnownCluster(each.urls, cache(partial(self._connect, each, schema, read_pauses)))
            for each in (own, other)
            if each
        ]
        return Clusters(*known)

    def connect_own(self, schema: Schema | None) -> MigratingIndex:
        """Return the indices of the stage's own cluster.

        Args:
            schema: As for :meth:`connect`.
        """
        return self._connect(self._settings[groups.Elasticsearch].cluster, schema, ())

    def _connect(
        self, place: groups.Cluster, schema: Schema | None, read_pauses: Sequence[float]
    ) -> MigratingIndex:
        from reindex.stores.search.access import read_secret  # noqa: PLC0415
        from reindex.stores.search.connecting import connect  # noqa: PLC0415
        from reindex.stores.search.migration_index import MigratingIndex  # noqa: PLC0415

        secret = read_secret(self._secret(place.secret)) if place.secret else None
        cluster = connect(place, secret, time_limit=self._time_limit, read_pauses=read_pauses)
        self._made.append(MigratingIndex(cluster, schema))
        return self._made[-1]

    @property
    def credentials_rejected(self) -> bool:
        """True if a cluster rejected the credentials of a connection."""
        return any(index.credentials_rejected for index in self._made)


def stage_schema(settings: Settings) -> Schema | None:
    """Return the mapping that a stage's documents need; None for that of our own documents."""
    from reindex.stores.search.schema import UNKNOWN_MAPPING, library_schema  # noqa: PLC0415

    if groups.Projection not in settings:
        return None
    place = settings[groups.Projection]
    if place.document_mapping and ASSET.joinpath(place.document_mapping).is_file():
        return library_schema(ASSET.joinpath(place.document_mapping).read_text())
    return None if place.own_documents else library_schema(UNKNOWN_MAPPING)
