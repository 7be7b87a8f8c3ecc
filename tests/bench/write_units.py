"""What one image costs in DynamoDB's units, from upload to verified.

    python -m tests.bench.write_units [--images N] [--json FILE]

A reindex of images without any failure, in DynamoDB Local, by one worker in
pages and an indexer in full bulks: the units are those that its ConsumedCapacity names.
Statements of PartiQL are counted as the calls that they represent (see tests.bench.capacity).
The rows' own units are apart from the overhead: run record, work list, ledger.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

from reindex.domain.tally import Tally
from reindex.steps.scanning import scan_all
from reindex.stores.progress_table import DynamoProgressTable
from reindex.stores.runs.store import DynamoRuns
from reindex.stores.work_list import DynamoWorkList
from tests.bench.capacity import MeteredClient, Use
from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report
from tests.bench.servers import dynamodb
from tests.bench.workload import InstantProjector, KeptBacklog, Reindex, image_ids
from tests.contract.conftest import create_progress_table, create_runs_table, create_work_table
from tests.twins.run_files import MemoryRunFiles

#: All of them: rows, work list, run record and ledger.
BUDGET = 3.2
READ_BUDGET = 1.0

#: What a step writes beside the rows, where it is not work list and run record.
_BESIDE_ROWS = {"upload": "work list and ledger", "indexer": "run record"}


def measure(count: int) -> Result:
    """Reindex images, and count what each step consumes."""
    images = list(image_ids(0, count))
    with dynamodb() as client:
        progress, runs = create_progress_table(client), create_runs_table(client)
        metered = MeteredClient(client)
        table = DynamoProgressTable(metered.as_client(), progress)
        backlog = KeptBacklog()
        reindex = Reindex(
            table,
            InstantProjector(images),
            DynamoRuns(metered.as_client(), runs),
            DynamoWorkList(metered.as_client(), create_work_table(client), MemoryRunFiles()),
            backlog,
        )

        def tally() -> None:
            found = Tally()
            for rows in scan_all(table, segments=4):
                found.count(rows.rows, rows.unreadable)
            assert found.states == {"verified": count}

        steps: dict[str, Callable[[], None]] = {
            "upload": lambda: reindex.upload(images),
            "index phase": lambda: reindex.index(images),
            "indexer": lambda: reindex.feed(backlog.bodies),
            "check phase": lambda: reindex.check(images),
            "tally": tally,
        }
        before: dict[str, Callable[[], None]] = {
            "index phase": lambda: reindex.open(images),
        }
        used: dict[str, Counter[Use]] = {}
        for name, step in steps.items():
            before.get(name, lambda: None)()
            metered.used.clear()
            step()
            used[name] = Counter(metered.used)
    return _result(used, progress, count)


def _result(used: dict[str, Counter[Use]], progress: str, count: int) -> Result:
    def units(name: str, *, writes: bool, of_rows: bool) -> float:
        return (
            sum(
                number
                for use, number in used[name].items()
                if use.writes is writes and (use.table == progress) is of_rows
            )
            / count
        )

    rows: list[Row] = []
    figures: dict[str, float] = {}
    expected = {"upload": 1, "index phase": 1, "indexer": 0, "check phase": 1}
    for name, budget in expected.items():
        of_row = units(name, writes=True, of_rows=True)
        rows.append(
            Row(f"write units per image, {name}", f"{of_row:g}", f"<= {budget}", of_row <= budget)
        )
    of_rows = sum(units(name, writes=True, of_rows=True) for name in used)
    figures["write units, rows"] = of_rows
    for name in expected:
        overhead = units(name, writes=True, of_rows=False)
        what = _BESIDE_ROWS.get(name, "work list and run record")
        rows.append(Row(f"beside them, {name}: {what}", f"{overhead:.4f}"))
    total = of_rows + sum(units(name, writes=True, of_rows=False) for name in used)
    rows.append(
        Row("write units per image, everything", f"{total:.3f}", f"<= {BUDGET}", total <= BUDGET)
    )
    figures["write units, overhead"] = sum(units(name, writes=True, of_rows=False) for name in used)
    for name in used:
        read = sum(units(name, writes=False, of_rows=of_rows) for of_rows in (True, False))
        rows.append(Row(f"read units per image, {name}", f"{read:.3f}"))
    read = sum(
        units(name, writes=False, of_rows=of_rows) for name in used for of_rows in (True, False)
    )
    rows.append(
        Row(
            "read units per image, everything",
            f"{read:.3f}",
            f"<= {READ_BUDGET}",
            read <= READ_BUDGET,
        )
    )
    figures["read units"] = read
    return Result(rows, figures)


def main() -> int:
    """Measure, print, and return 1 when the budget is exceeded."""
    parser = parser_of("write_units", __doc__)
    parser.add_argument("--images", type=int, default=2_000)
    arguments = parser.parse_args()
    return report(measure(arguments.images), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
