"""What reading an image's metadata costs, and how right it is: `python -m tests.bench.projection`.

Reads the corpus that IMAGE_REINDEX_CORPUS names, prints one table, and writes the same as
JSON with `--json FILE`. Speeds are ratios of two programs' processor time in one run, on one
core, so that what else the machine does counts little.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reindex.domain.failures import Failure, ReindexFailure
from reindex.image.extract import extract, find_blocks
from reindex.image.ranged import open_path
from reindex.image.xmp import read_xmp
from tests.bench.agreement import SECOND_RECORD, Agreement, compare, rates
from tests.corpus import VARIABLE, damaged, find_corpus, photos, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reindex.image.truth import FileMetadata

LARGE = 1_000_000
"""Bytes from which on a photo counts as large."""

ROUNDS = 5
"""Passes over the photos; the fastest counts, for both programs."""

KINDS = ("mime", "dimensions", "exif", "iptc", "xmp", "icc", SECOND_RECORD)

REASONS = {
    "jpg__Issue_600_2_.jpg XMP-xmp": "the file has colons in the date; ExifTool loses the zone",
    "GPS:GPSProcessingMethod": "ExifTool shows the character set's name for the text",
    "GPS:GPSLatitude": "the seconds are 0/0: degrees and minutes are read, ExifTool drops all",
    "GPS:GPSLongitude": "the seconds are 0/0: degrees and minutes are read, ExifTool drops all",
    "IFD0:Copyright": "the text is in Latin-1; ExifTool puts a question mark for the umlaut",
    "XMP-exif:MaxApertureValue": "the file holds a text instead of a number, and we keep it",
    "ExifIFD:MakerNoteUnknownText": "maker notes are not read",
    "IPTC2:": "another record (Exif block, archive's trailer) than the one that counts",
}
"""Why a value differs, by the beginning of the field's name or of the file's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    target: str = ""
    holds: bool | None = None


def outcome(path: Path, *, whole: bool = False) -> tuple[FileMetadata | Failure, int, int]:
    """Return what extraction gives for a file, the bytes read and the requests."""
    with open_path(path, whole=whole) as file:
        try:
            return extract(file), file.bytes_read, file.requests
        except ReindexFailure as failure:
            return failure.as_failure(), file.bytes_read, file.requests


def reading(files: list[Path]) -> list[Row]:
    """Measure bytes and requests of ranged reading."""
    costs = [(path, *outcome(path)[1:]) for path in files]
    shares = [read / path.stat().st_size for path, read, _ in costs if path.stat().st_size > LARGE]
    one = sum(requests == 1 for *_, requests in costs) / len(costs)
    sizes = sorted(read for _, read, _ in costs)
    p99 = sizes[min(len(sizes) - 1, -(-99 * len(sizes) // 100) - 1)]
    most = max(costs, key=lambda cost: cost[2])
    rows = []
    if shares:
        median = statistics.median(shares)
        rows.append(
            Row(
                f"bytes read / size, median of {len(shares)} photos over 1 MB",
                f"{median:.2%}",
                "<= 3 %",
                median <= 0.03,
            )
        )
    return [
        *rows,
        Row("photos read in one request", f"{one:.1%}", ">= 90 %", one >= 0.9),
        Row("bytes read, 99th percentile", f"{p99:,}", "<= 524,288", p99 <= 512 * 1024),
        Row("requests, mean", f"{statistics.mean(cost[2] for cost in costs):.2f}"),
        Row("requests, worst", f"{most[2]} ({most[1]:,} bytes, {most[0].name})"),
    ]


def identity(files: list[Path], what: str) -> Row:
    """Compare ranged reading with reading the whole file."""
    differing = [path.name for path in files if outcome(path)[0] != outcome(path, whole=True)[0]]
    return Row(
        f"ranged = whole, {what}",
        f"{len(files) - len(differing)} of {len(files)} {' '.join(differing)}".strip(),
        "all",
        not differing,
    )


def speed(files: list[Path]) -> list[Row]:
    """Compare the speed of extraction with ExifTool's, on the same core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    ours = min(_processor(lambda: [outcome(path) for path in files]) for _ in range(ROUNDS))
    rows = [Row("extraction, images/s on one core", f"{len(files) / ours:,.0f}")]
    if shutil.which("exiftool") is None:
        missing = "exiftool is missing (Debian: libimage-exiftool-perl)"
        return [*rows, Row("extraction / exiftool -json", missing, ">= 8 x", None)]
    command = ["exiftool", "-json", *map(str, files)]
    theirs = min(
        _processor(lambda: subprocess.run(command, capture_output=True, check=False))
        for _ in range(min(ROUNDS, 3))
    )
    ratio = theirs / ours
    return [
        *rows,
        Row("exiftool -json, images/s on one core", f"{len(files) / theirs:,.0f}"),
        Row("extraction / exiftool -json", f"{ratio:.1f} x", ">= 8 x", ratio >= 8),
    ]


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _processor(work: Callable[[], object]) -> float:
    """Return the seconds of processor time that ``work`` takes, in processes it starts too."""
    before = sum(os.times()[:4])
    work()
    return sum(os.times()[:4]) - before


def agreement(
    files: list[Path], expected: dict[str, dict[str, Any]]
) -> tuple[list[Row], list[str]]:
    """Compare values with the reference's; return the rows and each remaining disagreement."""
    total = Agreement()
    formats: dict[str, Counter[bool]] = defaultdict(Counter)
    listed: list[str] = []
    unread: Counter[str] = Counter()
    for path in files:
        theirs = expected.get(path.name, {})
        with open_path(path) as file:
            try:
                found = extract(file)
                tree = read_xmp(find_blocks(file).xmp)[0]
            except ReindexFailure as failure:
                unread["reference neither" if not theirs else "reference does"] += 1
                if theirs:
                    listed.append(f"{path.name}: not read ({failure.code})")
                continue
        one = compare(found, tree, theirs)
        total.add(one)
        counted = [kind for kind in KINDS if kind != SECOND_RECORD]
        agreed = sum(one.agreed[kind] for kind in counted)
        formats[found.mime_type] += Counter(
            {True: agreed, False: sum(one.compared[kind] for kind in counted) - agreed}
        )
        listed += [
            f"{path.name} {item.name}: {_short(item.ours)} | reference {_short(item.theirs)}"
            f" | {_reason(path.name, item.name)}"
            for _, item in one.disagreements
        ]
    rows = []
    for kind, agreed, compared in rates(total, KINDS):
        target = {"mime": 1.0, "dimensions": 1.0, SECOND_RECORD: 0.0}.get(kind, 0.99)
        rows.append(
            Row(
                f"agreement, {kind}",
                f"{agreed / compared:.2%} ({agreed} of {compared})",
                f">= {target:.0%}" if target else "",
                agreed / compared >= target if target else None,
            )
        )
    for mime, counts in sorted(formats.items()):
        fields = counts[True] + counts[False]
        if fields:
            share = f"{counts[True] / fields:.2%} ({counts[True]} of {fields})"
            rows.append(Row(f"agreement, all fields of {mime}", share))
    rows += [Row(f"photos not read; {what}", str(count)) for what, count in unread.items()]
    return rows, listed


def _reason(file: str, field: str) -> str:
    for beginning, reason in REASONS.items():
        if f"{file} {field}".startswith(beginning) or field.startswith(beginning):
            return reason
    return "UNEXPLAINED"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def worst(files: list[Path]) -> list[Row]:
    """Measure the time and memory of the worst file."""
    times = [(_timed(partial(outcome, path)), path.name) for path in files]
    slowest, slow_name = max(times)
    peaks = []
    for path in files:
        tracemalloc.start()
        outcome(path)
        peaks.append((tracemalloc.get_traced_memory()[1], path.name))
        tracemalloc.stop()
    highest, high_name = max(peaks)
    megabytes = highest / 2**20
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Row(
            f"worst damaged file of {len(files)}, time",
            f"{slowest * 1000:.1f} ms ({slow_name})",
            "<= 1 s",
            slowest <= 1,
        ),
        Row(
            "worst damaged file, memory",
            f"{megabytes:.1f} MB ({high_name})",
            "<= 256 MB",
            megabytes <= 256,
        ),
        Row("memory of this process at its peak", f"{rss:.0f} MB", "<= 256 MB", rss <= 256),
    ]


def failures(files: list[Path]) -> Row:
    """Count what becomes of the damaged files."""
    results = [outcome(path)[0] for path in files]
    counts = Counter(result.code if isinstance(result, Failure) else "read" for result in results)
    return Row(
        "damaged files", ", ".join(f"{count} {code}" for code, count in counts.most_common())
    )


def measure(corpus: Path) -> tuple[list[Row], list[str]]:
    """Run all measurements."""
    pictures, broken = photos(corpus), damaged(corpus)
    agreed, listed = agreement(pictures, reference(corpus))
    rows = [
        Row("photos", str(len(pictures))),
        *reading(pictures),
        identity(pictures, "photos"),
        identity(broken, "damaged files"),
        *agreed,
        failures(broken),
        *worst(broken),
        *speed(pictures),
    ]
    return rows, listed


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table for people."""
    lines = [("what", "measured", "target", "")]
    words = {True: "holds", False: "MISSED", None: ""}
    lines += [(row.what, row.measured, row.target, words[row.holds]) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)
        ).rstrip()
        for line in lines
    )


def main() -> int:
    """Measure, print, and return 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.projection")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    corpus = find_corpus()
    if corpus is None:
        print(f"{VARIABLE} names no directory with photos, damaged and reference.json")
        return 2
    rows, listed = measure(corpus)
    print(table(rows))
    print(f"\n{len(listed)} remaining disagreements:")
    for line in listed:
        print(f"  {line}")
    if arguments.json:
        figures = {"rows": [asdict(row) for row in rows], "disagreements": listed}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
