"""A world in which an index is migrated to another cluster, and the library moves by itself."""

from __future__ import annotations

from typing import Any

from reindex.domain.index_names import on_cluster
from reindex.domain.migration import Migration
from reindex.settings import OtherCluster
from reindex.stores.interfaces.migrations import MigrationIndex
from reindex.stores.search.clusters import Clusters, KnownCluster
from tests.twins.index import MemoryIndex
from tests.unit.steps.migrations import FROM_INDEX, MigratingWorld
from tests.unit.steps.world import ALIAS, OWN_CLUSTER

OTHER_CLUSTER = "https://other.example:9200"
OLD = on_cluster(OWN_CLUSTER, "images-000001")
NEW = on_cluster(OTHER_CLUSTER, "images-000001")


class MovingWorld(MigratingWorld):
    """A library that is to move to another cluster.

    Attributes:
        other: The other cluster's indices.
        stage_has_moved: The stage's own cluster is the other one, and the other way round.
        declared: Whether the stage declares another cluster beside its own.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.first = self.index
        self.other = MemoryIndex("unrelated")
        self.other.aliases.clear()
        self.stage_has_moved = False
        self.declared = True

    @property
    def indices(self) -> MigrationIndex:
        """The indices of both clusters, as functions of the stage find them."""
        known = [
            KnownCluster([OWN_CLUSTER], lambda: self.first),
            KnownCluster([OTHER_CLUSTER], lambda: self.other),
        ]
        if self.stage_has_moved:
            known.reverse()
        return Clusters(*known) if self.declared else Clusters(known[0])

    def groups(self) -> list[object]:
        return [*super().groups(), OtherCluster(OTHER_CLUSTER if self.declared else None)]

    def library_moves(self) -> None:
        """Lead people and live writers to the other cluster."""
        self.index = self.other

    def stage_moves(self) -> None:
        """Deploy the stage with its two clusters exchanged."""
        self.stage_has_moved = True

    def finish(self) -> Migration:
        """End the migration, as the command does."""
        self.migration_steps.control.pause()
        return self.switching().finish(self.migration)

    def assert_moved(self) -> None:
        """Every document of the new index equals its truth, none is lost, none is too many."""
        documents = self.other.documents_of("images-000001")
        assert {i: d.get("title") for i, d in documents.items()} == {
            i: truth.get("title") for i, truth in self.projector.truth.items()
        }


def moved(*ids: str, **settings: Any) -> MovingWorld:
    """A world of some images whose index on the other cluster is built, and has caught up."""
    world = MovingWorld(**settings)
    world.publish(*ids, title="true")
    assert world.migration_steps.control.findings(OTHER_CLUSTER) == []
    world.migration_steps.control.create([FROM_INDEX], OTHER_CLUSTER)
    world.migration_steps.control.follow()
    world.follow()
    return world


__all__ = ["ALIAS", "NEW", "OLD", "OTHER_CLUSTER", "OWN_CLUSTER", "MovingWorld", "moved"]
