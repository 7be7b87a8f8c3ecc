"""microburst: a proxy before any AWS endpoint that makes chosen calls fail as AWS would."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local import loopback, versions
from tests.local.cache import python_tool
from tests.local.ministack import Ministack, ministack
from tests.local.processes import Command, serve


@dataclass(frozen=True)
class Faults:
    """A running microburst.

    Attributes:
        url: The endpoint to call in place of the one behind it.
    """

    url: str

    def set_rules(self, rules: Sequence[Mapping[str, object]]) -> None:
        """Replaces all rules.

        Args:
            rules: Each like `{"service": "dynamodb", "operation": "UpdateItem", "times": 3,
                "error": {"code": "ProvisionedThroughputExceededException"}}`; `probability`,
                `latency` in ms, `reset` and more as microburst documents them.

        Raises:
            urllib.error.HTTPError: microburst does not accept a rule.
        """
        loopback.send("POST", f"{self.url}/_microburst/rules", rules)

    def fired(self) -> list[dict[str, Any]]:
        """The last hundred faults, oldest first: `service`, `operation`, `action` and more."""
        events: list[dict[str, Any]] = loopback.send("GET", f"{self.url}/_microburst/fired")
        return events

    def count(self) -> int:
        """Return the number of faults that the present rules have made."""
        rules: list[dict[str, Any]] = loopback.send("GET", f"{self.url}/_microburst/rules")
        return sum(rule["fired_count"] for rule in rules)

    def count_of(self, number: int) -> int:
        """How many faults the rule of a number, in the order of :meth:`set_rules`, has made."""
        rules: list[dict[str, Any]] = loopback.send("GET", f"{self.url}/_microburst/rules")
        return int(rules[number]["fired_count"])

    def clear(self) -> None:
        """Removes all rules and forgets what fired."""
        self.set_rules([])
        loopback.send("DELETE", f"{self.url}/_microburst/fired")


@contextmanager
def microburst(upstream_url: str) -> Iterator[Faults]:
    """Runs microburst, without a rule, before an endpoint for the time of a `with` block.

    Args:
        upstream_url: The endpoint behind it, which need not be there yet.

    Raises:
        LocalServerError: It could not be installed or started.
    """
    python = python_tool(versions.MICROBURST) / "python"
    port = loopback.free_port()
    url = loopback.url(port)
    with tempfile.TemporaryDirectory(prefix="microburst-", ignore_cleanup_errors=True) as folder:
        command: Command = [
            *(python, Path(__file__).with_name("microburst_launcher.py")),
            *("--upstream", upstream_url),
            *("--host", loopback.ADDRESS, "--port", str(port)),
        ]
        log = Path(folder, "microburst.log")
        with serve(command, log=log, ready=f"{url}/_microburst/health"):
            yield Faults(url)


@contextmanager
def ministack_with_faults() -> Iterator[tuple[Ministack, Faults]]:
    """Runs a ministack whose lambdas make their own AWS calls through a microburst.

    Rules reach those calls, and the callers that use the microburst's URL as their endpoint; what
    ministack does by itself (event source mappings, rules, state machines) they do not reach.

    Raises:
        LocalServerError: Either could not be installed or started.
    """
    port = loopback.free_port()
    with (
        microburst(loopback.url(port)) as faults,
        ministack(port=port, extra_env={"AWS_ENDPOINT_URL": faults.url}) as cloud,
    ):
        yield cloud, faults
