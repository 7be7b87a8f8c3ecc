"""What a benchmark comes to: a table for people, figures for the model, JSON for both."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.projection import Row, table

#: The default folder of the benchmarks' figures.
FIGURES = Path("bench-results")


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured.

    Attributes:
        rows: For people.
        figures: The same as plain numbers, by name; what :mod:`tests.bench.model` reads.
    """

    rows: Sequence[Row]
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether no target is missed."""
        return all(row.holds is not False for row in self.rows)


@dataclass(frozen=True, slots=True)
class Spent:
    """What some work took.

    Attributes:
        seconds: By the clock.
        processor: Of this process's time on all cores, servers of other processes excluded.
    """

    seconds: float
    processor: float


def spent(work: Callable[[], object]) -> Spent:
    """Do some work, and say what it took."""
    processor, started = time.process_time(), time.perf_counter()
    work()
    return Spent(time.perf_counter() - started, time.process_time() - processor)


def alternating(
    sides: Mapping[str, Callable[[], Spent]], rounds: int
) -> Mapping[str, Sequence[Spent]]:
    """Let sides take turns, each as often first as last, so that a busy machine is fair to all.

    Args:
        sides: What each does in one round; it prepares the round outside of what it says it took.
        rounds: How many turns each has, beyond one that is not counted.
    """
    taken: dict[str, list[Spent]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name in sorted(sides, reverse=turn % 2 == 1):
            one = sides[name]()
            if turn:
                taken[name].append(one)
    return taken


def median_seconds(taken: Sequence[Spent]) -> float:
    """The middle one of some rounds, by the clock."""
    return statistics.median(one.seconds for one in taken)


def median_processor(taken: Sequence[Spent]) -> float:
    """The middle one of some rounds, in processor time."""
    return statistics.median(one.processor for one in taken)


def median_ratio(taken: Sequence[Spent], others: Sequence[Spent]) -> float:
    """How much longer one side took than the other: the median over the rounds' pairs."""
    return statistics.median(
        one.seconds / other.seconds for one, other in zip(taken, others, strict=True)
    )


def parser_of(name: str, about: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has.

    Args:
        name: Of its module.
        about: The module's docstring.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.bench.{name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser


def report(result: Result, path: Path | None) -> int:
    """Print a result, write it, and return 1 when a target is missed."""
    print(table(result.rows))
    if path:
        load, _, _ = os.getloadavg()
        machine = {
            "cores": os.cpu_count(),
            "load": round(load, 2),
            "processor": platform.machine(),
            "python": platform.python_version(),
        }
        document = {
            "rows": [asdict(row) for row in result.rows],
            "figures": dict(result.figures),
            "machine": machine,
        }
        path.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if result.holds else 1
