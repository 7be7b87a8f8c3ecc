"""The stage's schedule: it starts runs by itself."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.names import Names
from cdk.stage_settings import Schedule

#: A start that EventBridge could not place for so long is left to the next time.
_MAX_AGE = Duration.hours(1)


class RunSchedule(Construct):
    """A rule whose target is the state machine, with the options of its runs.

    If it fires while a run is open, the new execution fails and says so: nothing is touched.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        names: Names,
        schedule: Schedule,
        state_machine: sfn.IStateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        self.rule = events.Rule(
            self,
            "Rule",
            rule_name=names.schedule,
            description="Starts a run",
            schedule=events.Schedule.expression(schedule.expression),
            targets=[
                targets.SfnStateMachine(
                    state_machine,
                    input=events.RuleTargetInput.from_object(schedule.as_input()),
                    role=role,
                    max_event_age=_MAX_AGE,
                )
            ],
        )
