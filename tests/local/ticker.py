"""A fast schedule: enabled rules' targets are invoked every second.

The local cloud's rules tick once a minute, as EventBridge's do. Here the same invocations come
sooner: of the targets that an enabled rule names, with the input that it fixes for them. While a
rule is off, nothing is invoked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import TargetOutputTypeDef
    from mypy_boto3_lambda import LambdaClient

log = logging.getLogger(__name__)

#: Longer than any tick may take: every answer is waited for.
_ANSWER_SECONDS: Final = 900

#: How long ticks that are on their way are waited for in the end.
_LAST_SECONDS: Final = 5


@dataclass
class Ticker:
    """Invokes the targets of enabled rules.

    Attributes:
        events: Client of EventBridge.
        functions: Client of Lambda that waits as long as a tick may take, and asks once.
        rules: Names of the rules to look at.
        ticks: How many invocations each rule has caused.
        failures: What went wrong with invocations, oldest first.
    """

    events: EventBridgeClient
    functions: LambdaClient
    rules: Sequence[str]
    ticks: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _in_flight: dict[tuple[str, str], threading.Thread] = field(default_factory=dict)

    def look(self) -> None:
        """Invoke enabled rules' targets, except those whose last invocation still runs."""
        for rule in self.rules:
            if self.events.describe_rule(Name=rule)["State"] != "ENABLED":
                continue
            for target in self.events.list_targets_by_rule(Rule=rule)["Targets"]:
                last = self._in_flight.get((rule, target["Id"]))
                if last is None or not last.is_alive():
                    self._start(rule, target)

    def rest(self, seconds: float) -> None:
        """Wait until no invocation runs any more, but no longer than this."""
        deadline = time.monotonic() + seconds
        for tick in self._in_flight.values():
            tick.join(max(0, deadline - time.monotonic()))

    def _start(self, rule: str, target: TargetOutputTypeDef) -> None:
        # Daemons, so that an interrupted process does not wait for a tick to end.
        tick = threading.Thread(target=self._invoke, args=(rule, target), daemon=True)
        self._in_flight[rule, target["Id"]] = tick
        self.ticks[rule] = self.ticks.get(rule, 0) + 1
        tick.start()

    def _invoke(self, rule: str, target: TargetOutputTypeDef) -> None:
        try:
            answer = self.functions.invoke(FunctionName=target["Arn"], Payload=target["Input"])
            text = answer["Payload"].read().decode()
        except (BotoCoreError, ClientError) as error:
            self.failures.append(f"{rule}: {error}")
        else:
            log.debug("%s: %s", rule, text)
            if "FunctionError" in answer:
                self.failures.append(f"{rule}: {text}")


@contextmanager
def ticking(
    session: boto3.Session, endpoint_url: str, rules: Sequence[str], *, seconds: float = 1.0
) -> Iterator[Ticker]:
    """Tick for the time of a `with` block.

    Args:
        session: With the credentials and the region of the local cloud.
        endpoint_url: Of the local cloud.
        rules: Names of the rules to look at.
        seconds: From one look at them to the next.
    """
    once = Config(read_timeout=_ANSWER_SECONDS, retries={"total_max_attempts": 1})
    with (
        closing(session.client("events", endpoint_url=endpoint_url)) as events,
        closing(session.client("lambda", endpoint_url=endpoint_url, config=once)) as functions,
    ):
        ticker = Ticker(events, functions, rules)
        over = threading.Event()

        def look_again_and_again() -> None:
            while not over.wait(seconds):
                try:
                    ticker.look()
                except (BotoCoreError, ClientError) as error:
                    ticker.failures.append(str(error))

        looking = threading.Thread(target=look_again_and_again, daemon=True)
        looking.start()
        try:
            yield ticker
        finally:
            over.set()
            looking.join()
            ticker.rest(_LAST_SECONDS)
