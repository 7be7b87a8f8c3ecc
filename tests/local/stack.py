"""A whole deployment on this machine: a cloud, a search server, both stacks, and a schedule."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from reindex.progress import ProgressRow
from reindex.settings import COMMAND, FUNCTIONS, PhaseRules, Settings, Tables
from reindex.steps.scanning import scan_all
from reindex.stores.progress_table import DynamoProgressTable
from scripts.stack import variable_of
from tests.local.deploy import CREDENTIALS, REGION, ROOT, deploy, local_environment
from tests.local.index_server import IndexServer
from tests.local.ministack import cloud
from tests.local.noida import index_server
from tests.local.ticker import Ticker, ticking

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

STAGE: Final = "TEST"

#: Nothing is slow here, and nobody else writes: waiting would prove nothing.
_TUNING: Final[Mapping[str, Any]] = {
    "settle_seconds": 0,
    "check_delay_seconds": 0,
    "quiet_seconds": 2,
    "backoff_seconds": 1,
    # A tick that has nothing to do looks again in seconds; the next one comes at once.
    "tick_seconds": 4,
    # Each projection in flight is a process of its own.
    "projection_concurrency": 4,
    "tally_segments": 2,
}

_LOG_LINES: Final = 15


@dataclass(frozen=True)
class LocalStack:
    """A running deployment.

    Attributes:
        stage: Its stage.
        endpoint_url: Of the cloud.
        index: The search server.
        outputs: Of the product's stack.
        session: With the cloud's credentials and region.
        ticker: Ticks while a phase's rule is on.
    """

    stage: str
    endpoint_url: str
    index: IndexServer
    outputs: Mapping[str, str]
    session: boto3.Session
    ticker: Ticker

    @cached_property
    def settings(self) -> Settings:
        """What the ``reindex`` command reads from the outputs."""
        return _settings(self.outputs)

    @cached_property
    def environ(self) -> dict[str, str]:
        """The environment in which the ``reindex`` command works on this deployment."""
        return {**local_environment(self.endpoint_url), "REINDEX_STAGE": self.stage}

    def client(self, service: str) -> Any:
        """A boto3 client of one of the cloud's services."""
        return self.session.client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload]

    def reindex(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the ``reindex`` command as an operator would; its exit status is the caller's affair."""
        command = Path(sys.executable).with_name("reindex")
        return subprocess.run(
            [command, *arguments],
            cwd=ROOT,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self) -> dict[str, ProgressRow]:
        """The whole progress table, by image id."""
        name = self.settings[Tables].progress_table
        table = DynamoProgressTable(self.client("dynamodb"), name)
        return {row.id: row for rows in scan_all(table, 1) for row in rows}

    def log_tails(self) -> str:
        """What each lambda logged last, for whoever must find out why something failed."""
        logs: CloudWatchLogsClient = self.client("logs")
        tails = []
        for name in FUNCTIONS:
            group = f"/aws/lambda/image-reindex-{self.stage.lower()}-{name.replace('_', '-')}"
            try:
                events = logs.filter_log_events(logGroupName=group)["events"]
            except (BotoCoreError, ClientError) as error:
                tails.append(f"{group}: {error}")
                continue
            lines = [event["message"].rstrip() for event in events][-_LOG_LINES:]
            tails += [f"--- {group}", *lines]
        return "\n".join([*tails, "--- ticks that failed", *self.ticker.failures[-_LOG_LINES:]])


@contextmanager
def local_stack(
    index: IndexServer | None = None, tuning: Mapping[str, Any] | None = None
) -> Iterator[LocalStack]:
    """Deploy the product and a sample library for the time of a `with` block.

    The cloud is a ministack, or what ``AWS_ENDPOINT_URL`` names.

    Args:
        index: The search server; without it, a noida-db, or what ``ELASTICSEARCH_URL`` names.
        tuning: Laid over the tuning for this machine.

    Raises:
        LocalServerError: A server could not be started.
        DeployError: The deployment failed.
    """
    with ExitStack() as stack:
        index = index or stack.enter_context(index_server())
        endpoint_url = stack.enter_context(cloud())
        overrides = {"elasticsearch_url": index.url, "tuning": {**_TUNING, **(tuning or {})}}
        outputs = deploy(STAGE, endpoint_url, overrides)
        session = boto3.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"],
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        rules = _settings(outputs)[PhaseRules]
        ticker = stack.enter_context(
            ticking(session, endpoint_url, [rules.index_rule, rules.check_rule])
        )
        yield LocalStack(STAGE, endpoint_url, index, outputs, session, ticker)


def _settings(outputs: Mapping[str, str]) -> Settings:
    return Settings(COMMAND, {variable_of(name): value for name, value in outputs.items()})
