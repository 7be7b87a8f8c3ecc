"""What the command takes before it does anything: help and wrong usage.

    python -m tests.bench.start_up [--rounds N] [--json FILE]

Each program runs once a round, in turns, so that a busy machine is fair to all; a row has the
median over the rounds, by the clock and in processor time (user and system), and how often
``python -c pass`` would fit in. Peers that are installed are run beside it.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.bench.projection import Row
from tests.bench.results import (
    Result,
    Spent,
    alternating,
    median_processor,
    median_seconds,
    parser_of,
    report,
)

ROUNDS = 10

#: Against which all others are held.
NOTHING = "python -c pass"

#: The most that help and wrong usage may take of it. They took 23 times as much while every verb
#: imported what it works with at once, and may take 0.3 of that.
TARGET = 7.0

_PYTHON = Path(sys.executable)
_REINDEX = _PYTHON.with_name("reindex")

OURS: Mapping[str, Sequence[str | Path]] = {
    "reindex --help": (_REINDEX, "--help"),
    "reindex status --help": (_REINDEX, "status", "--help"),
    "reindex no-such-verb": (_REINDEX, "no-such-verb"),
    "reindex status --no-such-option": (_REINDEX, "status", "--no-such-option"),
    "reindex status, no stage": (_REINDEX, "status"),
}

PEERS = (("aws", "--version"), ("uv", "--version"), ("npx", "--version"))


def run(command: Sequence[str | Path]) -> Spent:
    """Run a program to its end, and return what it took, its children's processor time included."""
    environment = {name: value for name, value in os.environ.items() if name != "REINDEX_STAGE"}
    # Without it, a machine that forbids bytecode would compile every module at every start.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before, started = _processor(), time.perf_counter()
    subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return Spent(time.perf_counter() - started, _processor() - before)


def _processor() -> float:
    """Seconds, user and system, of all children that have ended; finer than os.times()."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(rounds: int) -> Result:
    """Run every program in turns."""
    programs: dict[str, Sequence[str | Path]] = {NOTHING: (_PYTHON, "-c", "pass"), **OURS}
    programs |= {" ".join(peer): peer for peer in PEERS if shutil.which(peer[0])}
    sides: dict[str, Callable[[], Spent]] = {
        name: partial(run, command) for name, command in programs.items()
    }
    taken = alternating(sides, rounds)
    rows: list[Row] = []
    figures: dict[str, float] = {}
    nothing = median_processor(taken[NOTHING])
    for name in programs:
        seconds, processor = median_seconds(taken[name]), median_processor(taken[name])
        times = processor / nothing
        figures |= {f"{name}: seconds": seconds, f"{name}: processor seconds": processor}
        figures[f"{name} / {NOTHING}"] = times
        shown = f"{seconds * 1e3:,.0f} ms, processor {processor * 1e3:,.0f} ms: {times:.1f} x"
        if name in OURS:
            rows.append(Row(name, shown, f"<= {TARGET:g} x", times <= TARGET))
        else:
            rows.append(Row(name, shown))
    return Result(rows, figures)


def main() -> int:
    """Measure, and return 1 when the target is missed."""
    parser = parser_of("start_up", __doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    return report(measure(arguments.rounds), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
