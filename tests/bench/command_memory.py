"""What the command keeps in memory, by the number of images.

    python -m tests.bench.command_memory [--images N] [--json FILE]

Each verb that goes through images runs at two sizes, each time in a process of its own, on a
stage that holds nothing (:mod:`tests.bench.boundless`). A row has the most memory that the process
had resident, as Linux counts it, the benchmark's own parts included. An id in a list takes Python
97 bytes: a verb whose memory grows by less for each image keeps none. Of one that scans, it grows a
little, for more pages happen to be held at once the longer it goes on.

``dlq`` keeps a receipt for each message that it looked at, to give it back: SQS has at most 120,000
in flight, which is its larger size. ``compare`` is measured by :mod:`tests.bench.comparing`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report

#: Of any verb, at any number of images.
LIMIT_MB = 256

#: Bytes for each image that a verb keeps nothing of: an id and its place in a list take 97.
KEPT_NOTHING = 80

#: Of a queue: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
IN_FLIGHT = 120_000

#: How many times as many images the larger size has. A quarter of the default is enough for all
#: parts of the table to be read at once for a while, which decides how much a scan takes.
_TIMES = 4

#: Which part of the images a verb that writes goes through.
_OF_WRITERS = 0.25

#: Processes at once.
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb that goes through images.

    Attributes:
        words: As they are typed; ``IDS`` is a file of all ids, ``NONE`` one of nothing.
        known: Whether the ids have rows.
        share: Which part of the images it goes through: a row takes longer to write than to read.
        messages: Dead letters at the larger size, for a verb that goes through those.
        keeps: Whether it must keep something of each.
    """

    words: Sequence[str]
    known: bool = True
    share: float = 1
    messages: int | None = None
    keeps: bool = False


VERBS: Mapping[str, Verb] = {
    "upload-ids, new": Verb(("upload-ids", "IDS"), known=False, share=_OF_WRITERS),
    "upload-ids, all finished before": Verb(("upload-ids", "IDS"), share=_OF_WRITERS),
    "start, a file of ids": Verb(("start", "--source", "file", "--file", "IDS"), known=False),
    "rehearse, a file of ids": Verb(("rehearse", "--ids", "IDS", "--sample", "100")),
    "scan-states": Verb(("scan-states",)),
    "scan-states --out": Verb(("scan-states", "--out", "NONE")),
    "requeue, by state": Verb(("requeue", "--state", "verified")),
    "requeue, a file of ids": Verb(("requeue", "--ids", "IDS", "--yes"), share=_OF_WRITERS),
    "certify": Verb(("certify",)),
    "report --again": Verb(("report", "--again")),
    "status": Verb(("status",)),
    "dlq": Verb(("dlq",), messages=IN_FLIGHT, keeps=True),
    "dlq --requeue": Verb(("dlq", "--requeue"), messages=50_000),
}


def peak(name: str, count: int, ids: Path) -> float:
    """Run a verb in a process of its own; return its peak in bytes."""
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__]
    options = ["--verb", name, "--images", str(count), "--ids", str(ids)]
    ran = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{name}: {ran.stdout}{ran.stderr}")
    return float(ran.stdout.splitlines()[-1])


def run(name: str, count: int, ids: Path) -> int:
    """Run a verb here, and print what this process came to hold."""
    from tests.bench.boundless import stage_of  # noqa: PLC0415 - the parent must stay small

    verb = VERBS[name]
    files = {"IDS": str(ids), "NONE": "/dev/null"}
    stage = stage_of(count, known=verb.known)
    result = stage.reindex(*(files.get(word, word) for word in verb.words))
    print(result.output[-500:])
    # A rehearsal of ids that have no original finds nothing that it can project.
    if result.exit_code and verb.words[0] != "rehearse":
        return result.exit_code
    print(_resident())
    return 0


def _resident() -> int:
    """The most bytes that this process had resident."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def write_ids(path: Path, count: int) -> None:
    """Write a file of all ids."""
    from tests.bench.boundless import id_of  # noqa: PLC0415 - the parent must stay small

    with path.open("w") as file:
        file.writelines(f"{id_of(number)}\n" for number in range(count))


def measure(images: int) -> Result:
    """Measure every verb at two sizes, the larger of them of up to so many images."""
    larger = {name: verb.messages or round(images * verb.share) for name, verb in VERBS.items()}
    sizes = {name: (count // _TIMES, count) for name, count in larger.items()}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        files = {count: Path(folder, str(count)) for pair in sizes.values() for count in pair}
        for count, path in files.items():
            write_ids(path, count)
        peaks = {
            name: [pool.submit(peak, name, count, files[count]) for count in pair]
            for name, pair in sizes.items()
        }
        rows: list[Row] = []
        figures: dict[str, float] = {}
        for name, (few, many) in sizes.items():
            small, large = (each.result() for each in peaks[name])
            grown = (large - small) / (many - few)
            figures[f"{name}: peak bytes"] = large
            figures[f"{name}: bytes grown for each image"] = grown
            most = max(small, large) / 1e6
            text = f"{most:.0f} MB at {many:,}"
            rows.append(Row(name, text, f"<= {LIMIT_MB} MB", most <= LIMIT_MB))
            verb = VERBS[name]
            rows.append(
                Row(
                    f"  grown by, for each {'message' if verb.messages else 'image'}",
                    f"{max(0.0, grown):.0f} bytes",
                    "" if verb.keeps else f"<= {KEPT_NOTHING} bytes",
                    None if verb.keeps else grown <= KEPT_NOTHING,
                )
            )
    return Result(rows, figures)


def main() -> int:
    """Measure and print; or run the one verb that is named."""
    parser = parser_of("command_memory", __doc__)
    parser.add_argument(
        "--images", type=int, default=320_000, help="at the larger size of a verb that reads"
    )
    parser.add_argument("--verb", choices=VERBS, help=argparse.SUPPRESS)
    parser.add_argument("--ids", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.verb:
        return run(arguments.verb, arguments.images, arguments.ids)
    return report(measure(arguments.images), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
