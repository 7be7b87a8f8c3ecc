"""A whole deployment on this machine: a cloud, a search server, both stacks, and a schedule."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from reindex import settings as groups
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase
from reindex.settings import FUNCTIONS, INGEST_FUNCTIONS, Settings
from reindex.steps.scanning import scan_all
from reindex.stores.migrations import DynamoMigrations
from reindex.stores.phases import AwsPhases
from reindex.stores.progress_table import DynamoProgressTable
from reindex.stores.runs.store import DynamoRuns
from reindex.stores.search.cluster import SearchCluster
from scripts.stack import STACK_PREFIX, command_groups, variable_of
from tests.calls import recording
from tests.calls.record import save_deployment
from tests.local.deploy import CREDENTIALS, REGION, deploy, local_environment
from tests.local.fill import fill
from tests.local.index_server import IndexServer
from tests.local.ministack import cloud
from tests.local.noida import index_server
from tests.local.sample_library import Outcome, SampleLibrary
from tests.local.ticker import Ticker, ticking

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

STAGE: Final = "TEST"

#: Nothing is slow here, and no other program writes: waiting would prove nothing.
_TUNING: Final[Mapping[str, Any]] = {
    "settle_seconds": 0,
    "check_delay_seconds": 0,
    "quiet_seconds": 2,
    "backoff_seconds": 1,
    # A tick that has nothing to do looks again in seconds; the next one comes at once.
    "tick_seconds": 4,
    # Each call in flight is served by a process of its own, which takes a second to start.
    "projection_concurrency": 2,
    "tally_segments": 2,
}
_INDEXERS: Final = 2

#: Documents that a search may find: more than any sample library holds.
_ALL: Final = 5_000

_LOG_LINES: Final = 15
#: Lines that say nothing about what went wrong: metrics, and what surrounds an invocation.
_LOG_NOISE: Final = ('{"_aws"', "START ", "END ", "REPORT ")


@dataclass(frozen=True)
class LocalStack:
    """A running deployment.

    Attributes:
        stage: Its stage.
        endpoint_url: Of the cloud.
        index: The search server.
        laid_over: The stage's settings as they are deployed.
        outputs: Of the product's stack.
        session: With the cloud's credentials and region.
        ticker: Ticks while a phase's rule is on.
        closing: Ends with the deployment.
    """

    stage: str
    endpoint_url: str
    index: IndexServer
    laid_over: Mapping[str, Any]
    outputs: Mapping[str, str]
    session: boto3.Session
    ticker: Ticker
    closing: ExitStack

    @cached_property
    def settings(self) -> Settings:
        """What the ``reindex`` command reads from the outputs."""
        return _settings(self.outputs)

    @cached_property
    def environ(self) -> dict[str, str]:
        """The environment in which the ``reindex`` command works on this deployment."""
        return {
            **local_environment(self.endpoint_url),
            **recording.environment(self.endpoint_url),
            "REINDEX_STAGE": self.stage,
        }

    def deploy_again(self, overrides: Mapping[str, Any]) -> None:
        """Deploy the stage with other settings, over the functions and schedules that run.

        Raises:
            DeployError: The deployment failed.
        """
        deploy(self.stage, self.endpoint_url, {**self.laid_over, **overrides})

    @property
    def alias(self) -> str:
        """The alias that people search through."""
        return self.settings[groups.Elasticsearch].index_alias

    @cached_property
    def cluster(self) -> SearchCluster:
        """The search server."""
        return self.closing.enter_context(self.index.cluster())

    @cached_property
    def table(self) -> DynamoProgressTable:
        """The progress table."""
        name = self.settings[groups.Tables].progress_table
        return DynamoProgressTable(self.client("dynamodb"), name)

    @cached_property
    def runs(self) -> DynamoRuns:
        """The run record."""
        return DynamoRuns(self.client("dynamodb"), self.settings[groups.Tables].runs_table)

    @cached_property
    def migrations(self) -> DynamoMigrations:
        """The record of the migration."""
        return DynamoMigrations(self.client("dynamodb"), self.settings[groups.Tables].runs_table)

    @cached_property
    def rule_names(self) -> Mapping[Phase, str]:
        """The name of each phase's rule."""
        names = self.settings[groups.PhaseRules]
        return {Phase.INDEX: names.index_rule, Phase.CHECK: names.check_rule}

    @cached_property
    def phases(self) -> AwsPhases:
        """The switches of a run."""
        return AwsPhases(self.client("events"), self.client("stepfunctions"), self.rule_names)

    def phases_on(self) -> list[Phase]:
        """Return the phases whose rule ticks."""
        return [phase for phase in Phase if self.phases.is_on(phase)]

    def indexer_stopped(self) -> AbstractContextManager[None]:
        """Keep messages on the low-priority queue for the time of a `with` block."""
        return self.consumer_stopped(self.settings[groups.Queue].reingest_queue_url)

    @contextmanager
    def consumer_stopped(self, queue_url: str) -> Iterator[None]:
        """Keep messages on a queue for the time of a `with` block."""
        functions, mapping = self.client("lambda"), self._mapping_of(queue_url)
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=mapping, Enabled=True)

    def indexer_mapping(self) -> str:
        """The UUID of the event source mapping that gives the indexer its messages."""
        return self._mapping_of(self.settings[groups.Queue].reingest_queue_url)

    def _mapping_of(self, queue_url: str) -> str:
        """The UUID of the event source mapping that gives a function a queue's messages."""
        queue = queue_url.rpartition("/")[2]
        [found] = (
            mapping["UUID"]
            for mapping in self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
            if mapping["EventSourceArn"].endswith(f":{queue}")
        )
        return str(found)

    def client(self, service: str) -> Any:
        """A new boto3 client of one of the cloud's services."""
        made = self.session.client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload]
        return self.closing.enter_context(closing(made))

    def fill(self, library: SampleLibrary) -> None:
        """Store a library's objects and rows."""
        fill(library, self.settings[groups.LibrarySettings], self.session, self.endpoint_url)

    def reindex(
        self, *arguments: str | Path, stdin: str | None = None, capture: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run the ``reindex`` command as an operator would; its exit status is the caller's affair.

        Args:
            arguments: The verb and what belongs to it.
            stdin: What the command reads.
            capture: Whether its output is kept; without, it goes where ours goes.
        """
        return subprocess.run(
            [Path(sys.executable).with_name("reindex"), *arguments],
            env=self.environ,
            input=stdin,
            capture_output=capture,
            text=True,
            check=False,
        )

    def described(self) -> tuple[dict[str, str], Mapping[str, Any]]:
        """The outputs and the template of the product's stack as it is now."""
        client, name = self.client("cloudformation"), f"{STACK_PREFIX}{self.stage}"
        [stack] = client.describe_stacks(StackName=name)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        template = client.get_template(StackName=name)["TemplateBody"]
        return outputs, json.loads(template) if isinstance(template, str) else template

    def rows(self) -> dict[str, ProgressRow]:
        """The rows of the progress table that can be read, by image id."""
        return {row.id: row for page in scan_all(self.table, 1) for row in page.rows}

    def outcomes(self) -> dict[str, Outcome]:
        """The state of each image's row, and the code of its failure."""
        return {
            id_: (row.state, row.failure.code if row.failure else None)
            for id_, row in self.rows().items()
        }

    def search(self, query: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The documents that a query finds through the alias, by image id, the best first."""
        self.cluster.send("POST", f"/{self.alias}/_refresh")
        asked = {"query": query, "size": _ALL}
        found = self.cluster.send("POST", f"/{self.alias}/_search", body=asked)
        return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}

    def log_tails(self) -> str:
        """The last log lines of each lambda, to find the cause of a failure."""
        logs: CloudWatchLogsClient = self.client("logs")
        tails = []
        live_lane = INGEST_FUNCTIONS if groups.Ingest in self.settings else ()
        for name in (*FUNCTIONS, *live_lane):
            group = f"/aws/lambda/image-reindex-{self.stage.lower()}-{name.replace('_', '-')}"
            try:
                events = logs.filter_log_events(logGroupName=group)["events"]
            except (BotoCoreError, ClientError) as error:
                tails.append(f"--- {group}: {error}")
                continue
            lines = (event["message"].rstrip() for event in events)
            said = [line for line in lines if not line.startswith(_LOG_NOISE)]
            tails += [f"--- {group}", *said[-_LOG_LINES:]]
        return "\n".join([*tails, "--- ticks that failed", *self.ticker.failures[-_LOG_LINES:]])


@contextmanager
def local_stack(
    index: IndexServer | None = None,
    tuning: Mapping[str, Any] | None = None,
    endpoint_url: str | None = None,
    projection: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Iterator[LocalStack]:
    """Deploy the product and a sample library for the time of a `with` block.

    Args:
        index: The search server; without it, a noida-db, or what ``ELASTICSEARCH_URL`` names.
        tuning: Laid over the tuning for this machine.
        endpoint_url: Of the cloud; without it, a ministack, or what ``AWS_ENDPOINT_URL`` names.
        projection: The stage's setting of that name; without it, our own projection.
        overrides: Laid over the stage's settings, such as a ``library`` of one's own, which then
            replaces the sample library.

    Raises:
        LocalServerError: A server could not be started.
        DeployError: The deployment failed.
        Exception: What the block raised, with the tails of the lambdas' logs as a note.
    """
    with ExitStack() as stack:
        index = index or stack.enter_context(index_server())
        endpoint_url = endpoint_url or stack.enter_context(cloud())
        laid_over = {
            "elasticsearch_url": index.url,
            "indexer_concurrency": _INDEXERS,
            "tuning": {**_TUNING, **(tuning or {})},
            "projection": projection or {},
            **(overrides or {}),
        }
        outputs = deploy(STAGE, endpoint_url, laid_over)
        session = boto3.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"],
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        deployed = _settings(outputs)
        rules, catch_up = deployed[groups.PhaseRules], deployed[groups.CatchUpRule]
        names = [rules.index_rule, rules.check_rule, catch_up.catch_up_rule]
        ticker = stack.enter_context(ticking(session, endpoint_url, names))
        running = LocalStack(STAGE, endpoint_url, index, laid_over, outputs, session, ticker, stack)
        try:
            yield running
        except Exception as error:
            # After the block the logs are gone.
            error.add_note(running.log_tails())
            raise
        finally:
            if folder := recording.folder_of(endpoint_url):
                save_deployment(folder, STAGE, *running.described())


def _settings(outputs: Mapping[str, str]) -> Settings:
    environment = {variable_of(name): value for name, value in outputs.items()}
    return Settings(command_groups(environment), environment)
