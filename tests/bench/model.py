"""How long forty million images take, and what a million costs: a model, with its assumptions.

    python -m tests.bench.model [--figures DIR] [--write FILE] [--json FILE]

What the benchmarks measured is read from their JSON in DIR; everything else is an assumption
with a name, a value and a reason below. Change one and run it again. ``--write`` makes
docs/cost.md of it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reindex.reports import prices
from reindex.reports.cost import Line
from reindex.reports.footprint import (
    AUDITORS,
    CORE_MB,
    INDEXER_BATCH,
    INDEXER_CONCURRENCY,
    MEMORY_MB,
    PROJECTION_BATCH,
    gb,
    transitions,
)
from reindex.settings import PhaseRules, Rounds
from reindex.steps.batch_index import LANES
from reindex.steps.phase_work import PAGE_SIZE
from reindex.steps.project import IMAGES_AT_ONCE
from reindex.stores.listings import PAGE_DOCUMENTS
from reindex.stores.originals import CROPS_AT_ONCE
from reindex.stores.progress_table import MAX_STATEMENTS
from reindex.stores.search.ids import SLICES
from reindex.stores.sqs import BATCH_ENTRIES
from reindex.stores.user_data import MAX_VALUES, READS_AT_ONCE
from tests.bench.audit import LIST_SECONDS, PAGE_SECONDS, ROWS_PER_IMAGE, SCAN_SECONDS
from tests.bench.projection import Row
from tests.bench.results import FIGURES, Result, parser_of, report

IMAGES = 40_000_000
WORKERS = (1, 5)
MILLION = 1_000_000

#: Seconds from one tick to the next: the rules fire once a minute.
TICK_INTERVAL = 60

#: A billed request of SQS carries up to 64 KB.
SQS_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure that a benchmark gives.

    Attributes:
        what: For people.
        bench: Its module.
        figure: Its name there.
        unit: ``us`` for what is measured in seconds and shown in microseconds.
    """

    what: str
    bench: str
    figure: str
    unit: str

    def shown(self, value: float) -> str:
        """Return the figure as text for people."""
        if self.unit == "us":
            return f"{value * 1e6:,.0f} µs"
        number = f"{value:,.0f}" if value >= 1_000 else f"{value:,.3g}"
        return f"{number} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Assumed:
    """A figure that was not measured."""

    what: str
    value: float
    unit: str
    why: str


MEASURED: Mapping[str, Measured] = {
    "rows_written": Measured(
        "DynamoDB write units per image, progress table", "write_units", "write units, rows", ""
    ),
    "overhead_written": Measured(
        "DynamoDB write units per image, work list, ledger and run record",
        "write_units",
        "write units, overhead",
        "",
    ),
    "units_read": Measured(
        "DynamoDB read units per image, progress table", "write_units", "read units", ""
    ),
    "index_cpu": Measured(
        "processor time of batch-index per image",
        "own_work",
        "batch-index, DynamoDB Local: processor seconds per image",
        "us",
    ),
    "check_cpu": Measured(
        "processor time of batch-check per image",
        "own_work",
        "batch-check, DynamoDB Local: processor seconds per image",
        "us",
    ),
    "tally_cpu": Measured(
        "processor time of the Tally per row", "own_work", "tally: processor seconds per row", "us"
    ),
    "projection_cpu": Measured(
        "processor time of image-projection per image",
        "projecting",
        "processor seconds per image",
        "us",
    ),
    "document": Measured("size of a document", "projecting", "bytes per document", "bytes"),
    "gets": Measured("S3 GETs per image", "projecting", "GetObject per image", ""),
    "heads": Measured("S3 HEADs per image, for crops", "projecting", "HeadObject per image", ""),
    "lists": Measured(
        "S3 LISTs per image, for crops, whole library",
        "crop_listings",
        "lists per image, whole library",
        "",
    ),
    "far_lists": Measured(
        "S3 LISTs per image, for crops, 1,000 random images of a million",
        "crop_listings",
        "lists per image, 1,000 at random of 1,000,000",
        "",
    ),
    "selected": Measured(
        "lookups of user data by secondary index per image", "projecting", "values per image", ""
    ),
    "keys": Measured("rows of user data by key per image", "projecting", "keys per image", ""),
    "indexer_cpu": Measured(
        "processor time of the indexer per document",
        "indexer",
        "processor seconds per document",
        "us",
    ),
    **{
        f"audit_{name}": Measured(f"audit, {what}", "audit", figure, unit)
        for name, what, figure, unit in (
            (
                "objects",
                "processor time per listed object",
                "processor seconds per entry, originals",
                "us",
            ),
            ("rows", "processor time per row", "processor seconds per entry, edits", "us"),
            (
                "documents",
                "processor time per document",
                "processor seconds per entry, documents",
                "us",
            ),
            (
                "compared",
                "processor time per compared image",
                "processor seconds per image, compared",
                "us",
            ),
            ("memory", "memory of a partition of 100,000 images", "megabytes of a partition", "MB"),
            ("hours", "hours for 40,000,000 images, by the model", "hours", ""),
            ("dollars", "$ per million images, by the model", "dollars per million", ""),
        )
    },
    "whole_rate": Measured(
        "whole stack on one machine, images per second",
        "whole_run",
        "images per second, from preflight",
        "",
    ),
    **{
        f"whole_{name}": Measured(
            f"whole stack on one machine, processor time per image: {label}",
            "whole_run",
            f"processor seconds per image, {name}",
            "us",
        )
        for name, label in (
            ("the local cloud", "emulator of AWS"),
            ("Elasticsearch", "Elasticsearch"),
            ("image_projection", "image-projection"),
            ("all else of ours", "all other functions"),
        )
    },
}

ASSUMED: Mapping[str, Assumed] = {
    "core": Assumed(
        "speed of Lambda's core, relative to the measured machine",
        1.0,
        "x",
        "not measured on Lambda; enter your own figure",
    ),
    "s3": Assumed(
        "an S3 request for a small part of an object, to the last byte",
        0.04,
        "s",
        "AWS gives 100-200 ms as the upper end for small objects; most requests are faster",
    ),
    "list": Assumed("a LIST of a thousand keys", 0.1, "s", "as AWS gives for small objects"),
    "statement": Assumed(
        "a DynamoDB statement of ten lookups",
        0.03,
        "s",
        "DynamoDB may process its lookups one after another",
    ),
    "dynamodb": Assumed(
        "a DynamoDB call", 0.01, "s", "AWS states single-digit milliseconds; batches take longer"
    ),
    "sqs": Assumed("an SQS call", 0.015, "s", "ten messages of several KB"),
    "invoke": Assumed(
        "a warm invocation, in addition to the function's own time", 0.02, "s", "a usual value"
    ),
    "guard": Assumed(
        "a multi-get of 25 documents' versions", 0.02, "s", "if the cluster is not overloaded"
    ),
    "check": Assumed(
        "a multi-get of 500 documents' provenance", 0.1, "s", "if the cluster is not overloaded"
    ),
    "bulk": Assumed("a bulk of 500 documents", 1.0, "s", "depends on your cluster"),
    "page_calls": Assumed(
        "sequential DynamoDB and SQS calls of a page, in addition to its batches",
        6,
        "",
        "depth, run record, rows in progress, counters, a chunk's file and settling; see the code",
    ),
    "log": Assumed(
        "log lines of one invocation",
        2_000,
        "bytes",
        "Lambda's own three lines, and one with metrics",
    ),
    "transitions": Assumed(
        "state transitions of a run",
        transitions(1, Rounds().tally_segments),
        "",
        f"one round, and a Tally of {Rounds().tally_segments} segments",
    ),
}


#: Concurrent bulks of a cluster that accepts few.
FEW_BULKS = 4

#: What EventBridge asks for an event of one's own; for a schedule's it may ask nothing.
RULE_EVENT = 1e-6


@dataclass(frozen=True, slots=True)
class Model:
    """The model.

    Attributes:
        m: Measured figures, by their names in :data:`MEASURED`.
        a: Assumed values, by their names in :data:`ASSUMED`.
    """

    m: Mapping[str, float]
    a: Mapping[str, float]

    def on_lambda(self, function: str, processor: float) -> float:
        """Seconds that a function takes for what took so much processor time here.

        Lambda gives processor time in proportion to memory.
        """
        return processor * CORE_MB / MEMORY_MB[function] / self.a["core"]

    def projection_seconds(self, images: int = PROJECTION_BATCH) -> float:
        """One projection call: user data and crops concurrently, then images concurrently.

        Waiting and computing are added up, as if they never overlapped.
        """
        statements = self.m["selected"] * images / MAX_VALUES
        user_data = math.ceil(statements / READS_AT_ONCE) * self.a["statement"]
        lists, heads = self.m["lists"] * images, self.m["heads"] * images
        crops = math.ceil(lists) * self.a["list"] + math.ceil(heads / CROPS_AT_ONCE) * self.a["s3"]
        waves = math.ceil(images / IMAGES_AT_ONCE)
        reading = waves * self.m["gets"] * self.a["s3"]
        computing = self.on_lambda("image_projection", self.m["projection_cpu"]) * images
        return max(user_data, crops) + reading + computing

    @property
    def index_page_seconds(self) -> float:
        """One page of the index phase: what a lane waits for; its projections are all in flight."""
        sends = math.ceil(PROJECTION_BATCH / BATCH_ENTRIES) * self.a["sqs"]
        batch = self.a["guard"] + self.a["invoke"] + self.projection_seconds() + sends
        settling = self.a["dynamodb"]
        return self.a["page_calls"] * self.a["dynamodb"] + batch + settling

    @property
    def index_image_seconds(self) -> float:
        """What an image takes of a worker: of its lanes, or of its processor if that is more."""
        waiting = self.index_page_seconds / PAGE_SIZE / LANES
        return max(waiting, self.on_lambda("batch_index", self.m["index_cpu"]))

    @property
    def check_page_seconds(self) -> float:
        """One page of the check phase; its writes go out four calls at once."""
        writes = PAGE_SIZE / MAX_STATEMENTS / 4 * self.a["dynamodb"]
        return (
            self.a["page_calls"] * self.a["dynamodb"]
            + self.a["check"]
            + writes
            + self.on_lambda("batch_check", self.m["check_cpu"]) * PAGE_SIZE
        )

    @property
    def indexer_seconds(self) -> float:
        """One batch of messages."""
        return self.a["bulk"] + self.on_lambda("indexer", self.m["indexer_cpu"]) * INDEXER_BATCH

    @property
    def duty(self) -> float:
        """How much of the time a worker works."""
        return PhaseRules("index", "check").tick_seconds / TICK_INTERVAL

    def index_rate(self, workers: int) -> float:
        """Images per second from queued to enqueued."""
        return workers / self.index_image_seconds * self.duty

    def indexer_rate(self, bulks: int) -> float:
        """Documents per second that so many concurrent indexers take from the queue."""
        return bulks * INDEXER_BATCH / self.indexer_seconds

    def check_rate(self, workers: int) -> float:
        """Images per second from enqueued to verified."""
        return workers * PAGE_SIZE / self.check_page_seconds * self.duty

    @property
    def tally_rate(self) -> float:
        """Rows per second, in all segments together."""
        segments: int = Rounds().tally_segments
        return segments / self.on_lambda("tally", self.m["tally_cpu"])

    def hours(self, workers: int, bulks: int = INDEXER_CONCURRENCY) -> Mapping[str, float]:
        """Hours of each part of a run of :data:`IMAGES`.

        Args:
            workers: Of each phase.
            bulks: That the cluster accepts concurrently, and the stage allows.
        """
        parts = {
            "index phase": min(self.index_rate(workers), self.indexer_rate(bulks)),
            "check phase": self.check_rate(workers),
            "Tally": self.tally_rate,
        }
        return {name: IMAGES / rate / 3_600 for name, rate in parts.items()}

    def bill(self) -> Sequence[Line]:
        """What a million images cost."""
        calls, indexings = MILLION / PROJECTION_BATCH, MILLION / INDEXER_BATCH
        ticking = {
            "batch_index": self.index_image_seconds,
            "batch_check": self.check_page_seconds / PAGE_SIZE,
        }
        ticks = sum(ticking.values()) * MILLION / (self.duty * TICK_INTERVAL)
        invocations = calls + indexings + ticks
        writes = self.m["rows_written"] + self.m["overhead_written"]
        user_data = self.m["keys"] + self.m["selected"] / 2
        chunks = math.ceil(self.m["document"] * BATCH_ENTRIES / SQS_CHUNK)
        requests = (2 * chunks + 1) / BATCH_ENTRIES
        reads = self.m["gets"] + self.m["heads"]
        logs = invocations * self.a["log"] / 1e9
        seconds = {
            "image_projection": self.projection_seconds() / PROJECTION_BATCH,
            **ticking,
            "indexer": self.indexer_seconds / INDEXER_BATCH,
            "tally": self.on_lambda("tally", self.m["tally_cpu"]),
        }
        return [
            *(
                Line(
                    "Lambda",
                    f"GB-seconds, {function}",
                    MILLION * gb(function) * each,
                    prices.GB_SECOND,
                )
                for function, each in seconds.items()
            ),
            Line("Lambda", "invocations", invocations, prices.INVOCATION),
            Line("DynamoDB", "write units", MILLION * writes, prices.WRITE_UNIT),
            Line(
                "DynamoDB", "read units, progress", MILLION * self.m["units_read"], prices.READ_UNIT
            ),
            Line("DynamoDB", "read units, user data", MILLION * user_data, prices.READ_UNIT),
            Line("SQS", "requests", MILLION * requests, prices.QUEUE_REQUEST),
            Line("S3", "GETs and HEADs", MILLION * reads, prices.S3_READ),
            Line("S3", "LISTs", MILLION * self.m["lists"], prices.S3_WRITE),
            Line(
                "Step Functions", "transitions, per run", self.a["transitions"], prices.TRANSITION
            ),
            Line("EventBridge", "ticks", ticks, RULE_EVENT),
            Line("CloudWatch", "GB of logs", logs, prices.LOG_GB),
        ]


def projection_latency(images: int) -> float:
    """Seconds that a projection call of so many images takes, by the budgets of its parts.

    For benchmarks that must not wait for another's figures: 6 ms of a whole core, two GETs and a
    HEAD of S3, and two rows by secondary index an image.
    """
    budgets = {"gets": 2, "lists": 0.02, "heads": 1, "selected": 2, "projection_cpu": 0.006}
    model = Model(budgets, {name: assumed.value for name, assumed in ASSUMED.items()})
    return model.projection_seconds(images) + model.a["invoke"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the benchmarks measured.

    Attributes:
        values: By their names in :data:`MEASURED`.
        loads: How busy the machine was, over its cores, when each benchmark ended.
        missed: Budgets that were missed: the benchmark, what was measured, its value, the budget.
    """

    values: Mapping[str, float]
    loads: Mapping[str, float]
    missed: Sequence[Sequence[str]] = ()


def read_figures(folder: Path) -> Figures:
    """What the benchmarks measured.

    Raises:
        SystemExit: Names the benchmark that has not been run.
    """
    values: dict[str, float] = {}
    loads: dict[str, float] = {}
    for name, measured in MEASURED.items():
        path = folder / f"{measured.bench}.json"
        if not path.exists():
            raise SystemExit(
                f"{path} is missing: python -m tests.bench.{measured.bench} --json {path}"
            )
        found = json.loads(path.read_text())
        values[name] = found["figures"][measured.figure]
        loads[measured.bench] = found["machine"]["load"] / found["machine"]["cores"]
    return Figures(values, loads, list(_missed(folder)))


def _missed(folder: Path) -> Iterator[Sequence[str]]:
    """The budgets that the benchmarks of a folder missed."""
    for path in sorted(folder.glob("*.json")):
        for row in json.loads(path.read_text())["rows"]:
            if row["holds"] is False:
                yield f"`{path.stem}`", row["what"], row["measured"], row["target"]


def measure(figures: Mapping[str, float]) -> tuple[Model, Result]:
    """Work the model out."""
    model = Model(figures, {name: assumed.value for name, assumed in ASSUMED.items()})
    rows: list[Row] = []
    named: dict[str, float] = {}
    for workers in WORKERS:
        hours = model.hours(workers)
        total = sum(hours.values())
        parts = ", ".join(f"{name} {value:.1f}" for name, value in hours.items())
        rows.append(Row(f"hours for {IMAGES:,}, {_workers(workers)}", f"{total:.1f} ({parts})"))
        named[f"hours, {workers} workers"] = total
    bill = model.bill()
    rows += [Row(f"$ per million: {i.service}, {i.what}", f"{i.dollars:.3f}") for i in bill]
    named["dollars per million"] = sum(line.dollars for line in bill)
    rows.append(Row("$ per million: all", f"{named['dollars per million']:.2f}"))
    rows += [Row(f"measured: {m.what}", m.shown(figures[n]), m.bench) for n, m in MEASURED.items()]
    rows += [Row(f"assumed: {a.what}", _amount(a.value, a.unit)) for a in ASSUMED.values()]
    return model, Result(rows, named)


def page(model: Model, figures: Figures) -> str:
    """docs/cost.md."""
    processor = model.on_lambda("image_projection", model.m["projection_cpu"]) * PROJECTION_BATCH
    far_lists = MILLION * model.m["far_lists"] * prices.S3_WRITE
    return f"""\
# What a reindex costs

`python -m tests.bench.model --write docs/cost.md` writes this page, so change its text and its
assumptions there. The figures come from benchmarks on one machine and from the assumptions below.
Nothing was measured on AWS. **Check the prices before you rely on them.**

## How long

Hours for {IMAGES:,} images, if the check verifies each of them at once and the cluster keeps up:

{_hours(model)}

- One worker processes {model.index_rate(1):,.0f} images a second in the index phase, and
  {model.check_rate(1):,.0f} in the check phase.
- A projection call of {PROJECTION_BATCH} images takes {model.projection_seconds():.2f} s, of which
  {processor:.2f} s are processor time.
- The crops of all images of a call take {model.m["lists"] * PROJECTION_BATCH:.1f} LISTs if the run
  covers a whole library, because its images are in order. A small selection of a large library
  takes up to one LIST for each image: ${far_lists:.2f} a million.
- A page of {PAGE_SIZE} images takes {model.index_page_seconds:.2f} s, with all its projection calls
  in parallel. A worker processes {LANES} pages concurrently.
- Processor time limits a worker. So batch-index and batch-check have {CORE_MB:,} MB, which gives
  them a whole core. The other functions of a run have {MEMORY_MB["indexer"]} MB.
- The indexer detects how many concurrent bulks the cluster accepts, up to {INDEXER_CONCURRENCY}.

{_few_bulks(model)}

If the cluster is the limit, more workers do not help.

### All of it on one machine

The benchmark `whole_run` runs the whole stack on one machine, with an emulator of AWS and a real
Elasticsearch. From Preflight to the report it processes {model.m["whole_rate"]:.0f} images a
second: a small run mostly waits, for a queue to be quiet and for messages. Each image takes {
        _whole(model, "the local cloud")
    } ms in
the emulator of AWS, {_whole(model, "Elasticsearch")} ms in Elasticsearch,
{_whole(model, "image_projection")} ms in the projection, and
{_whole(model, "all else of ours")} ms of processor time in all other functions. On AWS, each of
these runs on machines of its own.

## What a million images cost

In US dollars, at the on-demand list prices of us-east-1 in November 2025, without free tiers:

{_bill(model.bill())}

The table does not include:

- the cluster;
- storage of tables and logs, and point-in-time recovery;
- metrics, alarms and the dashboard;
- a KMS key of your own;
- data transfer;
- the scan or listing that finds the ids;
- images that fail and are processed again.

{_audit(model)}

## Measured

One machine measured each figure, by the benchmark in its row. Run the benchmarks on yours. A busy
machine takes more processor time for the same work; the last column is the load of each core when
the benchmark ended.

{_table(("what", "value", "`python -m tests.bench.…`", "load"), _measured(model, figures.loads))}

## Missed budgets

{_missed_budgets(figures.missed)}

## Assumed

{_table(("what", "value", "reason"), _assumed())}
"""


def _few_bulks(model: Model) -> str:
    """Return the table of clusters that accept few concurrent bulks."""
    return _table(
        ("concurrent bulks", "documents a second", "hours with 5 workers"),
        [
            (
                str(bulks),
                f"{model.indexer_rate(bulks):,.0f}",
                f"{sum(model.hours(5, bulks).values()):.1f}",
            )
            for bulks in (FEW_BULKS, 2 * FEW_BULKS)
        ],
    )


def _audit(model: Model) -> str:
    hours, cost = f"{model.m['audit_hours']:.1f}", f"{model.m['audit_dollars']:.2f}"
    return f"""\
## An audit

An audit of {IMAGES:,} images takes {hours} hours and costs ${cost} per million images. It processes
up to {AUDITORS} parts of the stores concurrently, of which up to {SLICES} are slices of the index.
These assumptions are in `tests/bench/audit.py`:

- A LIST takes {LIST_SECONDS} s.
- Each megabyte of a scan takes {SCAN_SECONDS} s.
- A page of {PAGE_DOCUMENTS} whole documents takes {PAGE_SECONDS} s.
- An image has {ROWS_PER_IMAGE:g} rows of user data.

`--deep` also projects every image. That costs as much as the projection in the table above."""


def _missed_budgets(missed: Sequence[Sequence[str]]) -> str:
    if not missed:
        return "None."
    return _table(("benchmark", "what", "measured", "budget"), missed)


def _whole(model: Model, name: str) -> str:
    return f"{model.m[f'whole_{name}'] * 1000:.0f}"


def _hours(model: Model) -> str:
    hours = {workers: model.hours(workers) for workers in WORKERS}
    lines = [
        (name, *(f"{hours[workers][name]:.1f}" for workers in WORKERS))
        for name in hours[WORKERS[0]]
    ]
    lines.append(("**all**", *(f"**{sum(hours[w].values()):.1f}**" for w in WORKERS)))
    return _table(("", *map(_workers, WORKERS)), lines)


def _bill(bill: Sequence[Line]) -> str:
    lines = [
        (line.service, line.what, _quantity(line.quantity), f"{line.dollars:.2f}") for line in bill
    ]
    total = sum(line.dollars for line in bill)
    return _table(
        ("service", "what", "quantity", "$"), [*lines, ("**all**", "", "", f"**{total:.2f}**")]
    )


def _measured(model: Model, loads: Mapping[str, float]) -> Iterable[Sequence[str]]:
    for name, measured in MEASURED.items():
        load = f"{loads[measured.bench]:.1f}"
        yield measured.what, measured.shown(model.m[name]), f"`{measured.bench}`", load


def _assumed() -> Iterable[Sequence[str]]:
    for assumed in ASSUMED.values():
        yield assumed.what, _amount(assumed.value, assumed.unit), assumed.why


def _amount(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{number} {unit}".strip()


def _quantity(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """Work it out, print it, and write the page if asked to."""
    parser = parser_of("model", __doc__)
    parser.add_argument("--figures", type=Path, default=FIGURES, help="of the benchmarks")
    parser.add_argument("--write", type=Path, help="write docs/cost.md here")
    arguments = parser.parse_args()
    figures = read_figures(arguments.figures)
    model, result = measure(figures.values)
    if arguments.write:
        arguments.write.write_text(page(model, figures))
    return report(result, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
