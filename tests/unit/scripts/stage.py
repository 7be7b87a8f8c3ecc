"""A stage in memory, and the command that works on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from reindex.domain.failures import InternalFailure
from reindex.processors.processing import NamedProcessor
from reindex.settings import COMMAND, ImageLoader, Naming, Settings, variables
from reindex.steps.audit_files import audit_id_of
from reindex.stores.executions import Executions
from reindex.stores.interfaces.executions import Execution, PastExecution
from reindex.stores.interfaces.migrations import MigrationIndex
from reindex.stores.search.index import Prepared
from reindex.stores.search.schema import Schema
from reindex.wiring import Wiring
from scripts.command import reindex
from scripts.session import Session
from tests.twins.function_logs import MemoryLogs
from tests.twins.index import MemoryIndex
from tests.twins.ports import MemoryPorts
from tests.twins.submissions import MemorySubmissions
from tests.unit.steps.audits import Audits
from tests.unit.steps.world import ALIAS, INDEX, START, World

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ARN = "arn:aws:states:eu-west-1:000000000000:stateMachine:image-reindex-test-run"


class MemoryStateMachine:
    """Step Functions, as far as the command speaks to it.

    Attributes:
        opening: What an execution does as soon as it is started: it gathers, then Preflight.
        last_input: Of the latest execution.
        status: Of every execution, by ARN.
        causes: What failed an execution, by ARN.
    """

    def __init__(self, running: set[str], opening: Callable[[str], object]) -> None:
        self.running = running
        self.opening = opening
        self.last_input: dict[str, Any] = {}
        self.status: dict[str, str] = {}
        self.causes: dict[str, str] = {}

    def start_execution(self, **request: str) -> dict[str, Any]:
        assert request["stateMachineArn"] == ARN
        execution = request["name"]
        self.last_input = json.loads(request["input"])
        self.status[execution] = "RUNNING"
        self.running.add(execution)
        try:
            self.opening(execution)
        except InternalFailure as error:
            self.fail(execution, f'{{"errorMessage": "{error}", "errorType": "PreflightFailed"}}')
        return {"executionArn": execution}

    def fail(self, execution: str, cause: str) -> None:
        """End an execution as the state machine's Fail state does."""
        self.status[execution] = "FAILED"
        self.causes[execution] = cause
        self.running.discard(execution)

    def describe_execution(self, **request: str) -> dict[str, Any]:
        execution = request["executionArn"].rpartition(":")[2]
        if execution not in self.status:
            error = {"Error": {"Code": "ExecutionDoesNotExist", "Message": execution}}
            raise ClientError(error, "DescribeExecution")  # type: ignore[arg-type]
        return {"status": self.status[execution], "cause": self.causes.get(execution, "")}

    def stop_execution(self, **request: str) -> None:
        self.running.discard(request["executionArn"])
        self.status[request["executionArn"]] = "ABORTED"

    def get_paginator(self, operation: str) -> MemoryStateMachine:
        assert operation == "list_executions"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        if request.get("statusFilter") == "RUNNING":
            yield {"executions": [{"executionArn": arn} for arn in sorted(self.running)]}
            return
        at_most = request["PaginationConfig"]["MaxItems"]
        past = [
            {
                "executionArn": arn,
                "status": status,
                "startDate": datetime.fromtimestamp(START, UTC) + timedelta(hours=number),
                "stopDate": datetime.fromtimestamp(START, UTC) + timedelta(hours=number, minutes=5),
            }
            for number, (arn, status) in enumerate(self.status.items())
        ]
        yield {"executions": past[::-1][:at_most]}


class AuditExecutions:
    """The executions of the state machine of audits: each ends before it can be looked at.

    Attributes:
        stage: That is audited.
        options: The input of each execution, by name.
        failures: What the next executions fail of, instead of doing anything.
        going_on: The executions that were started and that still run.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.options: dict[str, Any] = {}
        self.failures: list[str] = []
        self.going_on: list[str] = []
        self._ended: dict[str, Execution] = {}

    def running(self) -> list[str]:
        return self.going_on

    def start(self, name: str, options: Mapping[str, Any]) -> str:
        self.options[name] = options
        self._ended[name] = Execution("SUCCEEDED")
        audits = Audits(self.stage)
        if self.failures:
            audits.auditing.plan(name, **options)
            self._ended[name] = Execution("FAILED", "StoreUnavailable", self.failures.pop())
        else:
            audits.audit(audit_id_of(name), **options)
        return name

    def look(self, execution: str) -> Execution:
        return self._ended[execution]

    def latest(self, at_most: int) -> list[PastExecution]:
        at = datetime.fromtimestamp(self.stage.clock.now(), UTC)
        past = [PastExecution(name, each.status, at, at) for name, each in self._ended.items()]
        return past[::-1][:at_most]


class Stage(World):
    """A world with everything that the command uses of its wiring.

    Attributes:
        prepared: What preparing the index comes to.
        schemas: What the index was to be made of, where a verb said so.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.stepfunctions = MemoryStateMachine(self.phases.running, self._open)
        self.settings = Settings(COMMAND, environment())
        self.prepared = Prepared(INDEX, created=True, provenance_added=True, lacking=[])
        self.index.prepare = self._prepare  # type: ignore[attr-defined]
        self.schemas: list[Schema] = []
        self.processors: list[NamedProcessor] = []
        self.function_logs = MemoryLogs()
        self.has_ingest = False
        self.submissions = MemorySubmissions()
        self.audit_executions = AuditExecutions(self)
        self.caller = "arn:aws:iam::000000000000:user/ada"

    # The areas of a wiring: a stage is each of them.

    @property
    def clients(self) -> Stage:
        return self

    @property
    def executions(self) -> Executions:
        return Executions(cast("SFNClient", self.stepfunctions), ARN)

    @property
    def patient_index(self) -> MigrationIndex:
        return self.indices

    @property
    def own_index(self) -> MemoryIndex:
        return self.index

    def groups(self) -> list[object]:
        return [*super().groups(), self.settings[Naming], ImageLoader()]

    @property
    def ports(self) -> MemoryPorts:
        return replace(super().ports, processors=self.processors)

    def _open(self, execution: str) -> None:
        self.gather(self.stepfunctions.last_input, execution)
        self.preflight(execution, self.stepfunctions.last_input)

    def _prepare(self, alias: str) -> Prepared:
        assert alias == ALIAS
        return self.prepared

    def set(self, **variables: str) -> None:
        """Deploy the stage with other settings."""
        self.settings = Settings(COMMAND, {**environment(), **variables})

    def own_index_with_schema(self, schema: Schema) -> MemoryIndex:
        self.schemas.append(schema)
        return self.index

    def index_with_schema(self, schema: Schema) -> MigrationIndex:
        self.schemas.append(schema)
        return self.indices

    def connect(self, stage: str) -> Wiring:
        assert stage == "TEST"
        return cast("Wiring", self)

    def reindex(  # type: ignore[override]
        self, *args: str, stdin: str | bytes | None = None, stage: str | None = "TEST"
    ) -> Result:
        """Call the command on this stage."""
        session = Session(connect=self.connect)
        return call(*args, stdin=stdin, stage=stage, session=session)

    def whole_run(self, run_id: str = "run-1") -> dict[str, Any]:
        """Run from preflight to report."""
        return super().reindex(run_id)


def call(
    *args: str,
    stdin: str | bytes | None = None,
    stage: str | None = None,
    session: Session | None = None,
) -> Result:
    """Call the command, and hold it to what it promises for every call."""
    runner = CliRunner(env={"REINDEX_STAGE": stage, "COLUMNS": "100"})
    result = runner.invoke(reindex, args, input=stdin, obj=session)
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit | None), result.exception
    if result.exit_code == 1:
        assert result.stderr.startswith("Error: ")
    return result


def environment() -> Mapping[str, str]:
    """Every variable that must be set, and no other."""
    values = {name: name.lower() for name, required in variables(COMMAND).items() if required}
    return values | {"INDEX_ALIAS": ALIAS, "STATE_MACHINE_ARN": ARN, "STAGE": "TEST"}


def squeezed(text: str) -> list[str]:
    """The lines of a table without what aligns its columns."""
    return [" ".join(line.split()) for line in text.splitlines()]
