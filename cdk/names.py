"""Names that are computed from the stage.

Rule, function and state machine each need the others' names. Were they references,
CloudFormation would see a cycle; as names they are known before anything exists.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Aws

from reindex.settings import function_name

#: The phases, as the run record and the work list spell them.
PHASES = ("index", "check")


@dataclass(frozen=True, slots=True)
class Names:
    """The physical names of one stage's resources."""

    stage: str

    def _of(self, part: str) -> str:
        return f"image-reindex-{self.stage.lower()}-{part.replace('_', '-')}"

    @property
    def stack(self) -> str:
        """The product's stack; the ``reindex`` command finds its outputs by this name."""
        return f"image-reindex-{self.stage}"

    @property
    def sample_stack(self) -> str:
        """The sample library's stack."""
        return f"image-reindex-sample-library-{self.stage}"

    def function(self, name: str) -> str:
        """Return a function, by its handler's module."""
        return function_name(self.stage, name)

    def rule(self, phase: str) -> str:
        """Return the rule that ticks a phase."""
        return self._of(f"{phase}-phase")

    @property
    def schedule(self) -> str:
        """The rule that starts runs."""
        return self._of("schedule")

    @property
    def catch_up(self) -> str:
        """The rule that starts a migration's rounds."""
        return self._of("catch-up")

    @property
    def state_machine(self) -> str:
        """The state machine of a run."""
        return self._of("run")

    @property
    def audit_machine(self) -> str:
        """The state machine of audits."""
        return self._of("audits")

    def alarm(self, name: str) -> str:
        """Create an alarm."""
        return self._of(name)

    def notice(self, name: str) -> str:
        """Return a rule whose events notices are sent for."""
        return self._of(name)

    @property
    def alarm_topic(self) -> str:
        """The topic that alarms go to."""
        return self._of("alarms")

    def bucket(self, name: str) -> str:
        """Create a bucket of the live lane, whose name people and other programs use."""
        return self._of(f"{name}-{Aws.ACCOUNT_ID}-{Aws.REGION}")

    def sample_table(self, name: str) -> str:
        """Create a table of the sample library."""
        return self._of(name)

    def sample_bucket(self, name: str) -> str:
        """Create a bucket of the sample library: unique in the world, as S3 demands."""
        return self._of(f"{name}-{Aws.ACCOUNT_ID}-{Aws.REGION}")
