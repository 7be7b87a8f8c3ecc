"""Deploys the real CDK app, with the real CLI, to a cloud on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parents[2]

ACCOUNT = "000000000000"
REGION = "us-east-1"

#: Credentials that no cloud accepts, so that our programs cannot reach a real one.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "image-reindex-local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}

_FOREIGN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "CDK_DEFAULT_ACCOUNT")

#: Of a stage that is deployed here. The cloud refuses alarms that reckon with several metrics,
#: and has none of the metrics either. What the schedule would start once a year, tests start.
_LOCAL: Final[Mapping[str, Any]] = {
    "alarms": False,
    "schedule": {
        "expression": "cron(0 18 1 1 ? *)",
        "source": {"kind": "bucket"},
        "skip_unchanged": True,
    },
}


class DeployError(Exception):
    """The CDK CLI failed; the message is what it said."""


def local_environment(endpoint_url: str) -> dict[str, str]:
    """This process's environment, its AWS pointed at a local cloud."""
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {
        **kept,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint_url,
        # The CLI's S3 client has a variable of its own.
        "AWS_ENDPOINT_URL_S3": endpoint_url,
        # What is deployed here is of no interest elsewhere.
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        # jsii's complaint about the age of this node would bury what went wrong.
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }


def deploy(
    stage: str, endpoint_url: str, overrides: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Deploy a stage, with its sample library if it has one.

    Args:
        stage: An entry of ``stages`` in cdk.json.
        endpoint_url: Of the local cloud.
        overrides: Laid over the stage's entry; ``{"elasticsearch_url": …}`` at the least.

    Returns:
        The outputs of the product's stack.

    Raises:
        DeployError: The CDK app or the deployment failed.
    """
    with _cdk(endpoint_url) as cdk:
        work = cdk.work
        assembly, outputs = f"{work}/assembly", Path(work, "outputs.json")
        # Neither needs the other, and both spend their time starting up.
        bootstrap = cdk.start("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        synth = cdk.start("synth", *_app(stage, overrides), "--output", assembly, "--quiet")
        bootstrap.finish()
        synth.finish()
        cdk.start(
            *("deploy", "--all", "--app", assembly, "--outputs-file", str(outputs)),
            *("--require-approval", "never", "--method", "direct", "--progress", "events"),
        ).finish()
        found: dict[str, str] = json.loads(outputs.read_text())[f"image-reindex-{stage}"]
        return found


def destroy(stage: str, endpoint_url: str) -> None:
    """Destroy a stage and its sample library.

    Raises:
        DeployError: The CDK app or the destruction failed.
    """
    with _cdk(endpoint_url) as cdk:
        assembly = f"{cdk.work}/assembly"
        cdk.start("destroy", "--all", "--force", *_app(stage, None), "--output", assembly).finish()


def _app(stage: str, overrides: Mapping[str, Any] | None) -> list[str]:
    return [
        *("--context", f"stage={stage}", "--context", "asset=local"),
        *("--context", f"overrides={json.dumps({**_LOCAL, **(overrides or {})})}"),
    ]


@dataclass(frozen=True, slots=True)
class _Command:
    """A run of the CLI."""

    name: str
    process: subprocess.Popen[str]

    def finish(self) -> None:
        said, _ = self.process.communicate()
        if self.process.returncode:
            raise DeployError(f"cdk {self.name} failed:\n{said.strip()}")


@dataclass(frozen=True, slots=True)
class _Cdk:
    """The CDK CLI, set on a local cloud.

    Attributes:
        work: A folder for what it writes.
    """

    cli: Path
    work: Path
    environment: Mapping[str, str]
    running: ExitStack

    def start(self, name: str, *arguments: str) -> _Command:
        process = subprocess.Popen(
            [str(self.cli), name, *arguments, "--no-notices", "--no-color"],
            # Where there is a cdk.json, even a bootstrap synthesizes the app first.
            cwd=self.work if name == "bootstrap" else ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own: the CLI starts the app, which would outlive it.
            start_new_session=True,
        )
        # Last in, first out: ended before it is waited for, should another command have failed.
        self.running.enter_context(process)
        self.running.callback(_end, process)
        return _Command(name, process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _cdk(endpoint_url: str) -> Iterator[_Cdk]:
    cli = ROOT / "node_modules" / ".bin" / "cdk"
    if not cli.exists():
        raise DeployError("the cdk CLI is not installed: npm ci")
    with tempfile.TemporaryDirectory(prefix="image-reindex-cdk-") as work, ExitStack() as running:
        # A home of its own, for the CLI caches there which account an access key belongs to.
        environment = {**local_environment(endpoint_url), "CDK_HOME": f"{work}/home"}
        yield _Cdk(cli, Path(work), environment, running)
