"""Run the benchmarks: ``python -m tests.bench [name ...] [--json DIR]``.

Each runs in a process of its own, so that none finds what another left behind, prints one
table, and writes the same as JSON. The model, which reads those, comes last.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.bench.results import FIGURES

BENCHES = (
    "start_up",
    "projection",
    "projecting",
    "crop_listings",
    "write_units",
    "next_chunk",
    "first_document",
    "one_worker",
    "simulation",
    "command_memory",
    "indexer",
    "own_work",
    "building",
    "renditions",
    "live_lane",
    "comparing",
    "audit",
    "whole_run",
    "model",
)


def main() -> int:
    """Run what is asked for, and return 1 when any target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--json", type=Path, default=FIGURES, help="folder of the figures")
    parser.add_argument("--write", type=Path, help="write docs/cost.md here, whatever was missed")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - {*BENCHES}:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    arguments.json.mkdir(parents=True, exist_ok=True)
    missed = []
    for name in BENCHES:
        if arguments.names and name not in arguments.names:
            continue
        print(f"\n{name}", flush=True)
        options = ["--json", str(arguments.json / f"{name}.json")]
        if name == "model":
            options += ["--figures", str(arguments.json)]
            options += ["--write", str(arguments.write)] if arguments.write else []
        command = [sys.executable, "-m", f"tests.bench.{name}", *options]
        if subprocess.run(command, check=False).returncode:
            missed.append(name)
    if missed:
        print(f"\nmissed, or not run: {', '.join(missed)}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
