"""The phases' schedules.

The rules are made disabled: a run's state machine turns them on, and the tick that finds its
phase drained turns them off. CloudFormation touches a rule only when its template changes, so
an ordinary deployment leaves a running phase alone; one that does change a rule (another
number of workers) turns it off, and the run's heartbeat then turns it on again.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from cdk.functions import PHASE_FUNCTIONS, TICK_MAX_AGE, Functions
from cdk.names import Names


class Phases(Construct):
    """One rule per phase, with one fixed target per worker."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        names: Names,
        functions: Functions,
        workers: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.rules = {
            phase: events.Rule(
                self,
                phase.capitalize(),
                rule_name=names.rule(phase),
                description=f"Ticks the {phase} phase of a run; turned on and off by the run",
                enabled=False,
                schedule=events.Schedule.rate(Duration.minutes(1)),
                targets=[
                    targets.LambdaFunction(
                        functions[function],
                        event=events.RuleTargetInput.from_object({"worker": worker}),
                        retry_attempts=0,
                        max_event_age=TICK_MAX_AGE,
                    )
                    for worker in range(workers)
                ],
            )
            for phase, function in PHASE_FUNCTIONS.items()
        }
