"""The projection of one batch: a call that dies is split, a batch that fails alike is an outage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reindex.domain.failures import ProjectionDied, ProjectorDied, SourceUnavailable
from reindex.domain.progress import ProgressRow
from reindex.domain.projections import ProjectionAnswer
from reindex.steps.ambient import Clock, Meter
from reindex.steps.phase_work import Deadline
from reindex.stores.interfaces.projection import Projector

#: Time-out of the projection function, seconds: no call is started with less time left.
PROJECTION_SECONDS = 30

#: The name, in messages, of what our own projection reads.
TRUTH = "a source of truth"

#: Images of one batch that must fail alike, for the first time, before it is an outage.
_OUTAGE = 2

_SUSPECTED = ProjectionDied(
    "the projection died on this image's batch, with no time left to find on which image"
).as_failure()


@dataclass(frozen=True, slots=True)
class BatchProjection:
    """Projects the images of a batch.

    Attributes:
        truth: The name, in messages, of what the projection reads.
    """

    projector: Projector
    clock: Clock
    meter: Meter
    truth: str

    def project(
        self,
        ids: Sequence[str],
        run_id: str,
        misfits: Mapping[str, str],
        deadline: Deadline,
        *,
        suspected: bool = False,
    ) -> ProjectionAnswer:
        """Project ids; if the lambda dies, split the batch until the culprit is alone.

        Args:
            ids: Of one call.
            run_id: The run.
            misfits: Fields of the index whose mapping may refuse ours.
            deadline: No call is started that could outlive it.
            suspected: A call that held these ids has died.
        """
        if self.clock.now() + PROJECTION_SECONDS > deadline.hard:
            # Without suspicion nothing has failed: they stay queued for the next tick.
            return ProjectionAnswer(failures=dict.fromkeys(ids, _SUSPECTED) if suspected else {})
        try:
            return self.projector.project(ids, run_id, misfits)
        except ProjectorDied as death:
            self.meter.count("ProjectionDeaths")
            if len(ids) == 1:
                return ProjectionAnswer(failures={ids[0]: ProjectionDied.of_one_image(death)})
        middle = len(ids) // 2
        halves = [
            self.project(half, run_id, misfits, deadline, suspected=True)
            for half in (ids[:middle], ids[middle:])
        ]
        return ProjectionAnswer.joined(halves)

    def outage(self, answer: ProjectionAnswer, rows: Mapping[str, ProgressRow]) -> str | None:
        """Return the reason why a whole batch failed, if that is not an image's fault.

        A source of truth does not answer at all, or not in time, or the projection died on each
        image alone. A death that no image was found for is another matter: its images must travel
        alone. So is a failure of images that have all failed before, while others did not.

        Returns:
            None when it is not an outage.
        """
        failures = list(answer.failures.values())
        if len(failures) + len(answer.later) < len(rows):
            return None
        if not failures:
            return f"{self.truth}: no time was left to wait for it"
        if sum(row.failure is None for row in rows.values()) < _OUTAGE:
            return None
        codes = {failure.code for failure in failures}
        if codes == {SourceUnavailable.code}:
            return f"{self.truth}: {failures[0].message} {failures[0].detail}"
        if codes == {ProjectionDied.code} and _SUSPECTED not in failures:
            return f"the projection dies on every image: {failures[0].detail}"
        return None
