"""Builds the audit."""

from __future__ import annotations

from functools import cached_property

from reindex import settings as groups
from reindex.composition.ports import AuditPorts
from reindex.composition.run import RunSteps
from reindex.steps.audit import Auditing
from reindex.steps.second_look import SecondLook


class AuditSteps:
    """The steps of an audit.

    Args:
        ports: Of the stage.
        run: The steps of a run, of which a second look uses the projection.
    """

    def __init__(self, ports: AuditPorts, run: RunSteps) -> None:
        self._ports = ports
        self._run = run

    @cached_property
    def auditing(self) -> Auditing:
        """Lists and compares all stores."""
        ports = self._ports
        place = ports.settings[groups.Elasticsearch]
        return Auditing(
            listings=ports.listings,
            second_look=SecondLook(
                library=ports.library,
                table=ports.table,
                index=lambda: ports.own_index,
                alias=place.index_alias,
                preserve=place.preserve,
                project=self._run.rehearsal.project,
                calls=ports.settings[groups.Pace].projection_concurrency,
            ),
            runs=ports.runs,
            files=ports.files,
            settle_seconds=ports.settings[groups.Pace].settle_seconds,
            clock=ports.clock,
        )
