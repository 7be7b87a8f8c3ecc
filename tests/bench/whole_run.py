"""Images per second from ids to verified, with everything in place.

    python -m tests.bench.whole_run [--images N] [--json FILE]

The stack that cdk deploys to the local cloud, a library of small pictures with all kinds of user
data, a real Elasticsearch: ids are uploaded, a run is started, and what counts is the time until
its report. A first run, of a few images, starts the processes that serve the lambdas.

The processor times show what limits it: the processor time of the local cloud (one Python
process that is S3, DynamoDB, SQS and Step Functions at once), of the index, and of the
processes that run each of our lambdas.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from reindex.domain.states import State
from reindex.image.mapping import index_settings
from reindex.settings import FUNCTIONS
from reindex.stores.search.cluster import SearchCluster
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import Schema
from tests.bench.indexer import nodes_processor
from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report
from tests.contract.analysis import without_analysis_common
from tests.local.ministack import Ministack, ministack
from tests.local.sample_library import SampleLibrary
from tests.local.search_servers import real_server
from tests.local.stack import LocalStack, local_stack
from tests.local.versions import SearchServer

#: Images of the first run, which does not count.
_FIRST = 30

#: Processor seconds per image that are worth a row.
_LEAST = 0.0005

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything that works on a run."""

    stack: LocalStack
    cloud: Ministack
    cluster: SearchCluster

    def processor(self) -> dict[str, float]:
        """Processor seconds that each has spent so far."""
        spent = {"Elasticsearch": nodes_processor(self.cluster)}
        clouds: set[int] = set()
        for name in FUNCTIONS:
            function = f"image-reindex-{self.stack.stage.lower()}-{name.replace('_', '-')}"
            workers = self.cloud.workers(function)
            spent[name] = sum(map(processor_seconds, workers))
            clouds.update(map(_parent, workers))
        spent["the local cloud"] = sum(map(processor_seconds, clouds))
        return spent


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the name, which may hold anything (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def processor_seconds(pid: int) -> float:
    """User and system time, in seconds."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _reindex(stack: LocalStack, ids: list[str]) -> float:
    """Reindex images; return the seconds it took."""
    started = time.monotonic()
    for done in (
        stack.reindex("upload-ids", "-", stdin="\n".join(ids)),
        stack.reindex("start", "--watch"),
    ):
        if done.returncode:
            raise RuntimeError(done.stderr)
    return time.monotonic() - started


def measure(images: int) -> Result:
    """Reindex a library of so many images."""
    with ExitStack() as running:
        server = running.enter_context(real_server(SearchServer.ELASTICSEARCH_8))
        cloud = running.enter_context(ministack())
        stack = running.enter_context(local_stack(server, endpoint_url=cloud.url))
        schema = Schema(settings=without_analysis_common(index_settings()))
        SearchIndex(stack.cluster, schema).prepare(stack.alias)
        library = SampleLibrary.generate(images)
        stack.fill(library)
        machine = Machine(stack, cloud, stack.cluster)
        _reindex(stack, library.ids[:_FIRST])
        before = machine.processor()
        seconds = _reindex(stack, library.ids)
        after = machine.processor()
        run = stack.runs.current()
        assert run
        assert run.ended_at
        assert not library.deviations(stack.outcomes())
        verified = sum(state is State.VERIFIED for state, _ in stack.outcomes().values())
        spent = {name: after[name] - before[name] for name in after}
        return _result(verified, seconds, run.ended_at - run.started_at, spent)


def _result(images: int, seconds: float, running: float, spent: Mapping[str, float]) -> Result:
    cores = os.cpu_count() or 1
    rows = [
        Row("images verified", f"{images:,}"),
        Row("from ids to the report, images/s", f"{images / seconds:,.1f}"),
        Row("from preflight to the report, images/s", f"{images / running:,.1f}"),
    ]
    rows += [
        Row(f"processor per image, {name}", f"{1000 * used / images:,.1f} ms")
        for name, used in sorted(spent.items(), key=lambda item: -item[1])
        if used >= _LEAST * images
    ]
    busiest = max(spent, key=lambda name: spent[name])
    rows += [
        Row(f"the busiest, {busiest}: share of one core", f"{spent[busiest] / running:.0%}"),
        Row(f"all of them: share of {cores} cores", f"{sum(spent.values()) / running / cores:.0%}"),
    ]
    figures: dict[str, float] = {
        "images per second": images / seconds,
        "images per second, from preflight": images / running,
        **{f"processor seconds per image, {name}": used / images for name, used in spent.items()},
    }
    ours = sum(spent[name] for name in FUNCTIONS if name != "image_projection")
    figures["processor seconds per image, all else of ours"] = ours / images
    return Result(rows, figures)


def main() -> int:
    """Measure and print."""
    parser = parser_of("whole_run", __doc__)
    parser.add_argument("--images", type=int, default=1_000)
    arguments = parser.parse_args()
    return report(measure(arguments.images), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
