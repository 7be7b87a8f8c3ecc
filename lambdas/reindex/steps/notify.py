"""Sends notices: a run ended, or it is held.

Step Functions says so to EventBridge when an execution ends, however it ends, and CloudWatch when
an alarm is raised: nothing in a run waits for a notice or fails with it. A notice is sent at least
once. None is sent about a migration's rounds: they continue by themselves, and an alarm is raised
when they do not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reindex.domain.failures import StoreUnavailable
from reindex.domain.options import RunOptions
from reindex.domain.progress import iso
from reindex.domain.run_records import RunRecord
from reindex.reports import notice
from reindex.reports.notice import Notice
from reindex.reports.report_keys import report_key
from reindex.reports.run_summary import RunSummary
from reindex.settings import SettingsError
from reindex.steps.ambient import Clock
from reindex.stores.interfaces.notices import Chat, NoticeTopic
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs

log = logging.getLogger(__name__)

#: The detail types of the two events in EventBridge.
#: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
EXECUTION_ENDED = "Step Functions Execution Status Change"
ALARM_RAISED = "CloudWatch Alarm State Change"

#: A run's status by that of its execution.
_ENDINGS = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "failed",
    "ABORTED": "aborted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Sends notices.

    Attributes:
        stage: The deployment.
        runs: Where the run records are.
        files: Where the reports are.
        topic: Where notices go.
        chat: Where they go besides; None for nowhere.
        clock: Says what time it is.
    """

    stage: str
    runs: Runs
    files: RunFiles
    topic: NoticeTopic
    chat: Chat | None
    clock: Clock

    def handle(self, event: Mapping[str, Any]) -> None:
        """Send the notice that an event asks for, if it asks for any.

        Raises:
            StoreUnavailable: The report or the run record cannot be read, or the topic does not
                accept the notice: the event is to be handled again.
        """
        found = self._notice(event)
        if found is None:
            return
        if self.chat:
            try:
                self.chat.post(f"{found.subject}\n\n{found.text}")
            except StoreUnavailable as error:
                # The topic's subscribers learn that the chat did not.
                found = found.with_line(f"This was not posted to the chat: {error}")
        self.topic.publish(found.subject, found.text)
        log.info("notice", extra={"subject": found.subject})

    def _notice(self, event: Mapping[str, Any]) -> Notice | None:
        kind = event["detail-type"]
        if kind == EXECUTION_ENDED:
            return self._of_execution(event["detail"])
        if kind == ALARM_RAISED:
            return self._of_held_run()
        raise ValueError(f"no notice is sent for {kind!r}")

    def _of_held_run(self) -> Notice | None:
        run = self.runs.current()
        if run is None or not run.is_open:
            return None
        return notice.of_held_run(self.stage, run, self.clock.now())

    def _of_execution(self, detail: Mapping[str, Any]) -> Notice | None:
        run_id = detail["name"]
        run = self.runs.current()
        run = run if run and run.run_id == run_id else None
        if _is_round(detail, run):
            return None
        try:
            stored = self.files.get(report_key(run_id))
        except KeyError:
            return notice.of_run_without_report(self.stage, _summary(detail, run))
        return notice.of_report(self.stage, json.loads(stored))


def _is_round(detail: Mapping[str, Any], run: RunRecord | None) -> bool:
    """Return True if the execution was a round of a migration."""
    if run and run.round_mark:
        return True
    try:
        return RunOptions.of(json.loads(detail.get("input") or "{}")).migration is not None
    except (SettingsError, ValueError):
        # The run was refused for its input, which the notice says.
        return False


def _summary(detail: Mapping[str, Any], run: RunRecord | None) -> RunSummary:
    """Return the facts of a run that has no report."""
    reason = ": ".join(filter(None, (detail.get("error"), detail.get("cause"))))
    if detail["status"] == "TIMED_OUT":
        reason = "the execution ran out of time"
    started, stopped = detail["startDate"] / 1000, (detail.get("stopDate") or 0) / 1000
    return RunSummary(
        run_id=detail["name"],
        status=_ENDINGS[detail["status"]],
        started_at=iso(started),
        duration_seconds=max(0.0, stopped - started) if stopped else None,
        reason=(run.reason if run else None) or reason or None,
    )
