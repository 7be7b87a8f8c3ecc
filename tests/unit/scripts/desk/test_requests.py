"""The requests to AWS of an open page of the desk, as docs/security.md states them."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import pytest
from moto import mock_aws

from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.reports import prices
from reindex.reports.samples import Sample, keep
from reindex.settings import COMMAND
from reindex.stores.run_files import S3RunFiles
from reindex.wiring import Wiring
from reindex.wiring.clients import Clients
from scripts.desk.desk import Desk
from tests.local.deploy import ROOT
from tests.unit.aws import SESSION
from tests.unit.scripts.desk_stage import DeskStage
from tests.unit.scripts.stage import environment
from tests.unit.steps.world import ALIAS, START, ManualClock

#: All panels are read a whole number of times in so many seconds: past runs once.
_SECONDS: Final = 720
_MINUTES: Final = _SECONDS / 60

_OPEN_RUN: Final = "run-open"

#: Past runs that have a report: more than the panel shows.
_REPORTS: Final = 25

_PRICES: Final = {
    "GetItem": prices.READ_UNIT,
    "GetObject": prices.S3_READ,
    "GetQueueAttributes": prices.QUEUE_REQUEST,
    "ListObjectsV2": prices.S3_WRITE,
    # These cost nothing.
    "DescribeExecution": 0,
    "DescribeRule": 0,
    "ListExecutions": 0,
}


class _Clients(Clients):
    """Clients that share the models of the services, and count their calls."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        # Cached properties of the class: an instance may have values of their names.
        for attribute in ("dynamodb", "s3", "sqs", "events", "stepfunctions"):
            client = cast("Any", SESSION).client(attribute)
            client.meta.events.register("before-call", self._count)
            setattr(self, attribute, client)

    def _count(self, model: Any, **_: Any) -> None:
        self.calls[model.name] += 1


class Account:
    """A stage on AWS in this process, with past runs, an audit, and a desk."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        clients = self.clients = _Clients()
        queues = {
            f"{name}_QUEUE_URL": clients.sqs.create_queue(QueueName=name)["QueueUrl"]
            for name in ("REINGEST", "DEAD_LETTER")
        }
        role = "arn:aws:iam::123456789012:role/machine"
        machine = clients.stepfunctions.create_state_machine(
            name="machine", definition=json.dumps(_MACHINE), roleArn=role
        )["stateMachineArn"]
        values = {**environment(), **queues, "STATE_MACHINE_ARN": machine}
        clients.dynamodb.create_table(
            TableName=values["RUNS_TABLE"],
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        clients.s3.create_bucket(Bucket=values["RUN_BUCKET"])
        clients.events.put_rule(Name=values["INDEX_RULE"], ScheduleExpression="rate(1 minute)")
        self.files = S3RunFiles(SESSION.client("s3"), values["RUN_BUCKET"])
        self.wiring = Wiring(values, COMMAND, measures=False)
        self.wiring.clock = self.clock  # type: ignore[assignment]
        self.wiring.clients = clients
        self._store_results()

    def _store_results(self) -> None:
        stage = DeskStage()
        stage.finish_a_run()
        stage.audit({})
        report = json.loads(stage.files.files["reports/run-1.json"])
        for number in range(_REPORTS):
            run_id = f"run-{number}"
            self.files.put(
                f"reports/{run_id}.json", json.dumps({**report, "run_id": run_id}).encode()
            )
        [audit] = [key for key in stage.files.files if key.startswith("audits/") and "json" in key]
        self.files.put(audit, stage.files.files[audit])

    def run(self, *, is_open: bool) -> None:
        """Have the latest run be open in its index phase, or ended."""
        machine = self.wiring.executions
        # One that has ended has a report.
        run_id = _OPEN_RUN if is_open else "run-1"
        execution = machine.start(run_id, {})
        run = RunRecord(
            run_id=run_id,
            execution=execution,
            alias=ALIAS,
            started_at=START,
            progressed_at=START,
            status="open" if is_open else "succeeded",
            index="images-1",
            phase=Phase.INDEX if is_open else None,
            total=1_000,
            last_reported="run-0",
            report=None if is_open else "reports/run-1.json",
        )
        assert self.wiring.runs.open(run, None)
        if not is_open:
            machine.stop(execution, "it has ended")

    def tick(self) -> None:
        """Leave a sample, as a worker does each minute of an open run."""
        keep(self.files, _OPEN_RUN, Sample(self.clock.time, 50, Phase.INDEX, 0, {"enqueued": 9}))

    def calls(self, *, pages: int, ticks: bool) -> Mapping[str, int]:
        """Return the calls in ``_SECONDS`` of open pages, without those of their opening."""
        desk = Desk("TEST", lambda: self.wiring, read_only=True, now=self.clock.now)
        # Each page and panel, with the time of its next poll: pages were opened at several times.
        due = [(START + page, name) for page in range(pages) for name in desk.panels]
        heapq.heapify(due)
        next_tick = START + 30
        before: Counter[str] | None = None
        while due[0][0] < START + 2 * _SECONDS:
            at, name = heapq.heappop(due)
            while ticks and next_tick <= at:
                self.clock.time = next_tick
                self.tick()
                next_tick += 60
            if before is None and at >= START + _SECONDS:
                before = Counter(self.clients.calls)
            self.clock.time = at
            shown = desk.panels[name].fragment()
            assert "could not be read" not in shown.html
            heapq.heappush(due, (at + shown.poll_seconds, name))
        assert before
        return self.clients.calls - before


_MACHINE: Final = {
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}},
}


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def dollars(calls: Mapping[str, int]) -> float:
    return sum(_PRICES[name] * count for name, count in calls.items())


def requests_a_minute(calls: Mapping[str, int]) -> str:
    return f"{sum(calls.values()) / _MINUTES:.0f}"


@pytest.mark.parametrize("is_open", [True, False], ids=["run", "no run"])
def test_an_open_page_sends_as_many_requests_as_is_stated(
    account: Account,
    is_open: bool,  # noqa: FBT001
) -> None:
    account.run(is_open=is_open)
    calls = account.calls(pages=1, ticks=is_open)
    stated = "{} requests to AWS a minute while a run is open" if is_open else "otherwise {},"
    page = " ".join((ROOT / "docs" / "security.md").read_text().split())
    assert stated.format(requests_a_minute(calls)) in page
    assert dollars(calls) * 3_600 / _SECONDS < 0.01


def test_further_tabs_send_no_more_requests(account: Account) -> None:
    account.run(is_open=False)
    assert account.calls(pages=3, ticks=False) == account.calls(pages=1, ticks=False)
