"""Records what is known of a run, second by second, for the test of the time left.

``python -m tests.local.recording --count 800 >tests/unit/steps/recorded_run.json``
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any, Final

from reindex.reports.run_estimate import known
from reindex.settings import Pace
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack, local_stack

#: Seconds between looks.
_INTERVAL: Final = 1.0


def record(stack: LocalStack) -> dict[str, Any]:
    """Follow the run that has been started to its end.

    Returns:
        ``looks``, the fields of :class:`reindex.reports.estimate.Known` at each, and
        ``checked_at``, when the last image was checked, in epoch seconds.
    """
    pace = stack.settings[Pace]
    looks: list[dict[str, Any]] = []
    while True:
        run = stack.runs.current()
        if run and not run.is_open:
            return {"checked_at": run.progressed_at, "looks": looks}
        if run and run.index:
            looks.append(asdict(known(run, time.time(), pace)))
        time.sleep(_INTERVAL)


def main() -> None:
    """Reindex a sample library on this machine, and print the recording."""
    parser = argparse.ArgumentParser("python -m tests.local.recording", description=__doc__)
    parser.add_argument("--count", type=int, default=800, help="sound images to generate")
    count = parser.parse_args().count
    with local_stack() as stack:
        library = SampleLibrary.generate(count)
        stack.fill(library)
        stack.reindex("prepare-index")
        stack.reindex("upload-ids", "-", stdin="\n".join(library.ids))
        stack.reindex("start")
        json.dump(record(stack), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
