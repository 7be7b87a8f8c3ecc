"""The schedule of a migration: it starts one round after the other.

The rule is made disabled. ``reindex migrate`` turns it on, and the tick that finds no migration to
follow turns it off.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from cdk.functions import TICK_MAX_AGE, Functions
from cdk.names import Names


class CatchUp(Construct):
    """A rule whose target starts the next round of the open migration, if there is one to start."""

    def __init__(
        self, scope: Construct, construct_id: str, *, names: Names, functions: Functions
    ) -> None:
        super().__init__(scope, construct_id)
        self.rule = events.Rule(
            self,
            "Rule",
            rule_name=names.catch_up,
            description="Starts the rounds of a migration; turned on by reindex migrate",
            enabled=False,
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[
                targets.LambdaFunction(
                    functions["gather"],
                    event=events.RuleTargetInput.from_object({"step": "catch_up"}),
                    retry_attempts=0,
                    max_event_age=TICK_MAX_AGE,
                )
            ],
        )
