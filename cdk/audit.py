"""The state machine of audits: one execution is one audit. It holds which step an audit is at."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.names import Names
from cdk.stage_settings import StageSettings
from cdk.stage_values import projection_calls
from cdk.steps import Steps
from reindex.reports.footprint import AUDITORS

_PAYLOAD = {
    "execution_name": "{% $states.context.Execution.Name %}",
    "input": "{% $states.context.Execution.Input %}",
}


class Audit(Steps):
    """Plans, lists, compares, waits until all has settled, looks again and reports."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        function: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self.state_machine = self._machine(
            "Machine",
            Names(settings.stage).audit_machine,
            "One execution is one audit: it reads the library and changes nothing of it",
            settings=settings,
            definition=self._definition(function, projection_calls(settings)),
        )

    def _definition(self, function: lambda_.IFunction, projections: int) -> sfn.IChainable:
        plan = self._invoke(
            "Plan",
            function,
            {"step": "plan", **_PAYLOAD},
            assign={
                "parts": "{% $states.result.Payload.parts %}",
                "partitions": "{% $states.result.Payload.partitions %}",
                "settle": "{% $states.result.Payload.settle %}",
            },
            outputs={},
        )
        settle = sfn.Wait.jsonata(
            self, "Settle", time=sfn.WaitTime.seconds("{% $settle %}"), outputs={}
        )
        report = self._invoke(
            "Report",
            function,
            {"step": "report", **_PAYLOAD},
            outputs="{% $states.result.Payload %}",
        )
        return (
            plan.next(self._parts("List", function, "part", AUDITORS))
            # A deep audit waits for one projection in each.
            .next(self._parts("Compare", function, "partition", min(AUDITORS, projections)))
            .next(settle)
            .next(report)
        )

    def _parts(self, name: str, function: lambda_.IFunction, item: str, at_once: int) -> sfn.Map:
        payload: dict[str, Any] = _PAYLOAD
        return self._in_parts(
            name, function, item=item, items=f"{{% ${item}s %}}", payload=payload, at_once=at_once
        )
