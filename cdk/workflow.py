"""The state machine: one execution is one run, in a dozen transitions and a few for each part.

It holds which step a run is at, and nothing else: what the ticks need to know is in the run
record, what became of the images in the progress table. The execution's name is the run's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdk.functions import Functions
from cdk.names import PHASES, Names
from cdk.stage_settings import StageSettings
from cdk.stage_values import tuned
from cdk.steps import ANY, Steps, retry

#: A phase whose ticks are not heard for so long has stopped.
HEARTBEAT = Duration.seconds(300)

#: Parts of a run's source that are gathered at once. The table sets the pace: a new one takes
#: 4,000 writes a second, of which each of so many gets enough for its thousand ids in a call's
#: patience; a warm one is kept busy by them. A distributed Map would only add executions.
GATHERERS = 16

#: Groups that are cut, and ranges that are sorted, at the same time.
SORTERS = 16

#: Most times that a phase without heartbeats is reopened.
REOPENINGS = 3

#: The same for the first step: its caller waits for the name of a service that cannot be reached,
#: and no work is lost if the run does not begin.
_FIRST_ATTEMPTS = 2

_RUN_ID = "{% $states.context.Execution.Name %}"
_EXECUTION = "{% $states.context.Execution.Id %}"
_INPUT = "{% $states.context.Execution.Input %}"

_SILENCE = "States.HeartbeatTimeout"
_CONDITION_FAILED = "DynamoDb.ConditionalCheckFailedException"

_DYNAMODB_FAULTS = [
    "DynamoDb.InternalServerErrorException",
    "DynamoDb.ProvisionedThroughputExceededException",
    "DynamoDb.RequestLimitExceededException",
    "DynamoDb.ThrottlingException",
    "DynamoDb.SdkClientException",
]
_EVENTBRIDGE_FAULTS = [
    "EventBridge.ConcurrentModificationException",
    "EventBridge.InternalException",
    "EventBridge.ThrottlingException",
    "EventBridge.SdkClientException",
]


# Variables have names of their own: $round and $error are functions of JSONata.

#: DynamoDB holds 400 KB an item; a cause may bring a stack trace.
_REASON = "{% $substring($error_name & ': ' & $error_cause, 0, 4000) %}"

_NOW = {"N": "{% $string($floor($millis() / 1000)) %}"}


class Workflow(Steps):
    """The gathering of ids, Preflight, the phases, the Tally, and the report."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        runs: dynamodb.ITable,
        rules: Mapping[str, events.IRule],
        functions: Functions,
    ) -> None:
        super().__init__(scope, construct_id)
        self._runs = runs
        self._rules = rules
        self._gather = functions["gather"]
        self._preflight = functions["preflight"]
        self._tally = functions["tally"]
        self._max_rounds = tuned(settings)["max_rounds"]
        self.state_machine = self._machine(
            "Run",
            Names(settings.stage).state_machine,
            "One execution is one reindex, from start to report",
            settings=settings,
            definition=self._definition(),
        )

    def _definition(self) -> sfn.IChainable:
        self._failure = self._failing()
        preflight = self._invoke(
            "Preflight",
            self._preflight,
            {"execution": _EXECUTION},
            assign={
                "segments": "{% $states.result.Payload.segments %}",
                "work": "{% $states.result.Payload.work %}",
                "order": "{% $states.result.Payload.order %}",
                # A scan that only finds what is to do is none of the rounds.
                "round_number": "{% $states.result.Payload.work ? 0 : -1 %}",
                "reopened": 0,
            },
            outputs={},
        )
        first, last = self._phase("index"), self._phase("check")
        ordering = self._ordering(then=first[0])
        tallying = self._tallying(again=ordering)
        preflight.next(
            # If no chunk is listed, the scan finds the rows that have work left, if any.
            sfn.Choice.jsonata(self, "Anything listed?")
            .when(sfn.Condition.jsonata("{% $work %}"), ordering)
            .otherwise(tallying)
        )
        first[1].next(last[0])
        last[1].next(
            # The rows that the check sent back are on the work list: no scan has to find them.
            sfn.Choice.jsonata(self, "Anything sent back?")
            .when(
                sfn.Condition.jsonata(
                    f"{{% $states.input.again and $round_number < {self._max_rounds} %}}"
                ),
                first[0],
                assign={"round_number": "{% $round_number + 1 %}"},
            )
            .otherwise(tallying)
        )
        return self._gathering().next(preflight)

    def _ordering(self, *, then: sfn.IChainable) -> sfn.IChainable:
        """Return the states that sort a long work list by id."""
        payload = {"run_id": _RUN_ID, "round": "{% $round_number %}"}
        plan = self._invoke(
            "Plan the order",
            self._tally,
            {"step": "plan", **payload},
            assign={
                "groups": "{% $states.result.Payload.groups %}",
                "ranges": "{% $states.result.Payload.ranges %}",
            },
            outputs={},
        )

        def in_parts(name: str, item: str) -> sfn.Map:
            return self._in_parts(
                name,
                self._tally,
                item=item,
                items=f"{{% ${item}s %}}",
                payload=payload,
                at_once=SORTERS,
            )

        cut, sort = in_parts("Cut", "group"), in_parts("Sort", "range")
        replace = self._invoke("Replace", self._tally, {"step": "replace", **payload}, outputs={})
        plan.next(cut).next(sort).next(replace).next(then)
        return (
            sfn.Choice.jsonata(self, "Put in order?")
            .when(sfn.Condition.jsonata("{% $order %}"), plan)
            .otherwise(then)
        )

    def _gathering(self) -> sfn.Chain:
        """Return the ids of the run's source, brought into the table; none when they are there."""
        plan = self._invoke(
            "Plan",
            self._gather,
            {"step": "plan", "execution": _EXECUTION, "input": _INPUT},
            assign={"parts": "{% $states.result.Payload.parts %}"},
            outputs={},
            attempts=_FIRST_ATTEMPTS,
        )
        gather = self._in_parts(
            "Gather",
            self._gather,
            item="part",
            items="{% $parts %}",
            payload={"run_id": _RUN_ID, "input": _INPUT},
            at_once=GATHERERS,
        )
        return plan.next(gather)

    def _phase(self, phase: str) -> tuple[sfn.TaskStateBase, sfn.TaskStateBase]:
        """Return the states of one phase: one opens it, and one waits for its end."""
        opening = self._update_run(
            f"Open {phase} phase",
            settings={
                "phase": {"S": phase},
                "opening": {"BOOL": True},
                "progressed_at": _NOW,
                "failed_ticks": {"N": "0"},
                "round": {"N": "{% $string($round_number) %}"},
            },
            removals=("task_token", "held_by", "quiet_since"),
        )
        turn_on = self._switch(f"Turn {phase} rule on", "enableRule", phase)
        wait = self._update_run(
            # From here on ticks find the token and work; the last of them answers on it.
            f"{phase.capitalize()} phase",
            settings={
                "task_token": {"S": "{% $states.context.Task.Token %}"},
                "opening": {"BOOL": False},
            },
            waiting=True,
            assign={"reopened": 0},
            outputs={"again": "{% $states.result.again = true %}"} if phase == "check" else None,
        )
        turn_off = self._switch(f"{phase.capitalize()} phase fell silent", "disableRule", phase)
        wait.add_catch(
            turn_off,
            errors=[_SILENCE],
            assign={
                "reopened": "{% $reopened + 1 %}",
                "error_name": _SILENCE,
                "error_cause": f"no tick of the {phase} phase was heard for "
                f"{HEARTBEAT.to_seconds():.0f} s, and opening it again did not help",
            },
            outputs={},
        )
        assert self._failure
        for state in (opening, turn_on, wait, turn_off):
            self._or_fail(state)
        opening.next(turn_on).next(wait)
        turn_off.next(
            sfn.Choice.jsonata(self, f"Open {phase} phase again?")
            .when(sfn.Condition.jsonata(f"{{% $reopened <= {REOPENINGS} %}}"), opening)
            .otherwise(self._failure)
        )
        return opening, wait

    def _tallying(self, *, again: sfn.IChainable) -> sfn.IChainable:
        """Return the consistent scan, what it decides, and the report."""
        tally = self._in_parts(
            "Tally",
            self._tally,
            item="segment",
            items="{% $segments %}",
            payload={
                "run_id": _RUN_ID,
                "round": "{% $round_number %}",
                "segments": "{% $count($segments) %}",
            },
        )
        decide = self._invoke(
            "Decide",
            self._tally,
            {
                "step": "decide",
                "run_id": _RUN_ID,
                "round": "{% $round_number %}",
                "segments": "{% $count($segments) %}",
                "input": _INPUT,
            },
            assign={
                "round_number": "{% $states.result.Payload.round %}",
                "order": "{% $states.result.Payload.order %}",
            },
            outputs={"again": "{% $states.result.Payload.again %}"},
        )
        choice = (
            sfn.Choice.jsonata(self, "Another round?")
            .when(sfn.Condition.jsonata("{% $states.input.again %}"), again)
            .otherwise(self._reporting())
        )
        return tally.next(decide).next(choice)

    def _reporting(self) -> sfn.IChainable:
        report = self._invoke(
            "Report",
            self._tally,
            {"step": "report", "run_id": _RUN_ID, "round": "{% $round_number %}"},
            outputs="{% $states.result.Payload %}",
        )
        failed = sfn.Fail.jsonata(
            self,
            "Run did not succeed",
            error="RunFailed",
            cause="{% $join($states.input.problems, '; ') %}",
        )
        return report.next(
            sfn.Choice.jsonata(self, "Succeeded?")
            .when(
                sfn.Condition.jsonata("{% $states.input.status = 'succeeded' %}"),
                sfn.Succeed.jsonata(self, "Run succeeded"),
            )
            .otherwise(failed)
        )

    def _failing(self) -> sfn.IChainable:
        """Return the states after any error: disable the rules, close the record, fail.

        It begins by taking the phase off the record. If the record is another run's, or closed
        by an abort, that fails, and neither rules nor record are ours to touch.
        """
        fail = sfn.Fail.jsonata(
            self, "Run failed", error="{% $error_name %}", cause="{% $error_cause %}"
        )
        let_go = self._update_run(
            "Let go of phase",
            settings={"opening": {"BOOL": False}},
            removals=("phase", "task_token"),
        )
        let_go.add_catch(fail, errors=[_CONDITION_FAILED], outputs={})
        close = self._update_run(
            "Close run record",
            settings={"status": {"S": "failed"}, "reason": {"S": _REASON}, "ended_at": _NOW},
        )
        steps = [
            let_go,
            *(
                self._switch(f"Make sure {phase} rule is off", "disableRule", phase)
                for phase in PHASES
            ),
            close,
        ]
        for step, following in zip(steps, [*steps[1:], fail], strict=True):
            # No step of the tidying may keep the next from being tried.
            step.add_catch(following, errors=ANY, outputs={})
            step.next(following)
        return let_go

    def _update_run(
        self,
        name: str,
        *,
        settings: Mapping[str, Any],
        removals: Sequence[str] = (),
        waiting: bool = False,
        assign: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> tasks.CallAwsService:
        """Change the run record, if it is still this run's and open."""
        sets = ", ".join(f"#{field} = :{field}" for field in settings)
        removes = f" REMOVE {', '.join(f'#{field}' for field in removals)}" if removals else ""
        state = tasks.CallAwsService.jsonata(
            self,
            name,
            service="dynamodb",
            action="updateItem",
            iam_action="dynamodb:UpdateItem",
            iam_resources=[self._runs.table_arn],
            parameters={
                "TableName": self._runs.table_name,
                "Key": {"id": {"S": "current"}},
                "UpdateExpression": f"SET {sets}{removes}",
                "ConditionExpression": "#run_id = :run AND #status = :open",
                "ExpressionAttributeNames": {
                    f"#{field}": field
                    for field in dict.fromkeys((*settings, *removals, "run_id", "status"))
                },
                "ExpressionAttributeValues": {
                    **{f":{field}": value for field, value in settings.items()},
                    ":run": {"S": _RUN_ID},
                    ":open": {"S": "open"},
                },
            },
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN
            if waiting
            else sfn.IntegrationPattern.REQUEST_RESPONSE,
            heartbeat_timeout=sfn.Timeout.duration(HEARTBEAT) if waiting else None,
            assign=assign,
            outputs=outputs or {},
        )
        retry(state, _DYNAMODB_FAULTS)
        return state

    def _switch(self, name: str, action: str, phase: str) -> tasks.CallAwsService:
        """Turn a phase's rule on or off."""
        state = tasks.CallAwsService.jsonata(
            self,
            name,
            service="eventbridge",
            action=action,
            # EventBridge's actions go by the name of its older self.
            iam_action=f"events:{action[0].upper()}{action[1:]}",
            iam_resources=[self._rules[phase].rule_arn],
            parameters={"Name": self._rules[phase].rule_name},
            outputs={},
        )
        retry(state, _EVENTBRIDGE_FAULTS)
        return state
