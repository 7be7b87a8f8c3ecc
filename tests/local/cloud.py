"""What tests read and change in a deployment's services, which no command does.

They ask the local cloud itself, past the faults that lambdas meet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.settings import PhaseRules, Queue, StateMachine, Tables
from reindex.stores.sqs import SqsQueue
from tests.local.stack import LocalStack


@dataclass(frozen=True)
class HeldChunk:
    """A chunk of a worker that works, or that died at work.

    Attributes:
        key: Of its item.
        holder: As stored in DynamoDB.
        until: Epoch seconds.
        in_progress: How many rows its holder has in progress.
    """

    key: Mapping[str, Any]
    holder: Mapping[str, Any]
    until: float
    in_progress: int


@dataclass(frozen=True)
class Cloud:
    """The services of a deployment; its clients are shared by threads."""

    stack: LocalStack
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._clients:
            self._clients[service] = self.stack.client(service)
        return self._clients[service]

    @property
    def rules(self) -> PhaseRules:
        """The schedules of the phases."""
        return self.stack.settings[PhaseRules]

    @property
    def queue_url(self) -> str:
        """Of the low-priority queue."""
        return self.stack.settings[Queue].reingest_queue_url

    def run(self) -> RunRecord | None:
        """The latest run's record."""
        return self.stack.runs.current()

    def targets(self, phase: Phase) -> Sequence[Mapping[str, Any]]:
        """What a phase's rule invokes, each with the input that it fixes."""
        answer = self.client("events").list_targets_by_rule(Rule=self.stack.rule_names[phase])
        found: Sequence[Mapping[str, Any]] = answer["Targets"]
        return found

    def miss_heartbeats(self, run: RunRecord) -> bool:
        """Time an open phase out, as Step Functions does when no tick is heard for too long.

        Returns:
            False if no task waits for that phase.
        """
        if run.task_token is None:
            return False
        states = self.client("stepfunctions")
        try:
            states.send_task_failure(
                taskToken=run.task_token, error="States.HeartbeatTimeout", cause="an accident"
            )
        except (states.exceptions.TaskTimedOut, states.exceptions.TaskDoesNotExist):
            return False
        return True

    def held_chunks(self, phase: Phase) -> Iterator[HeldChunk]:
        """The chunks of a phase that are leased."""
        pages = (
            self.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.stack.settings[Tables].work_table,
                ConsistentRead=True,
                KeyConditionExpression="phase = :phase",
                ExpressionAttributeValues={":phase": {"S": phase.value}},
            )
        )
        for item in (item for page in pages for item in page["Items"]):
            if "holder" in item:
                start, end = (int(item.get(n, {"N": "0"})["N"]) for n in ("start", "end"))
                key = {name: item[name] for name in ("phase", "chunk")}
                yield HeldChunk(key, item["holder"], float(item["until"]["N"]), end - start)

    def expire(self, held: HeldChunk) -> None:
        """Let a lease run out now, if it is still the same holder's."""
        dynamodb = self.client("dynamodb")
        try:
            dynamodb.update_item(
                TableName=self.stack.settings[Tables].work_table,
                Key=held.key,
                UpdateExpression="SET #until = :past",
                ConditionExpression="#holder = :holder",
                ExpressionAttributeNames={"#until": "until", "#holder": "holder"},
                ExpressionAttributeValues={":past": {"N": "0"}, ":holder": held.holder},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def set_state(self, image_id: str, before: str, after: str) -> bool:
        """Write the state of a row by hand, if it is still another; return whether it was."""
        dynamodb = self.client("dynamodb")
        try:
            dynamodb.update_item(
                TableName=self.stack.settings[Tables].progress_table,
                Key={"id": {"S": image_id}},
                UpdateExpression="SET #state = :after",
                ConditionExpression="#state = :before",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":before": {"S": before}, ":after": {"S": after}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def start_execution(self, told: Mapping[str, Any]) -> None:
        """Start an execution of the state machine, past the command and its checks."""
        self.client("stepfunctions").start_execution(
            stateMachineArn=self.stack.settings[StateMachine].state_machine_arn,
            input=json.dumps(told),
        )

    def depths(self) -> dict[str, int]:
        """Messages on each of the queues, those in flight included."""
        dead_letters = self.stack.settings[Queue].dead_letter_queue_url
        return {
            name: SqsQueue(self.client("sqs"), url).depth().total
            for name, url in (("queue", self.queue_url), ("dead-letter queue", dead_letters))
        }
