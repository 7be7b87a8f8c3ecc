"""What renditions take: memory, and processor time.

    python -m tests.bench.renditions [--json FILE]

Of each format a process of its own makes all renditions of one original of 100 megapixels, a
gradient with noise, on one thread. Its peak is that of the whole process, with what it imports.
One more process goes through the damaged files of the corpus. Photos are rendered beside other
programs, see ``other_renderers.py``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.bench import other_renderers
from tests.bench.other_renderers import render_photos
from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report
from tests.corpus import find_corpus

WIDTH, HEIGHT = 12_000, 8_400

#: The memory that a function may take, MB.
LIMIT_MB: Final = 512

#: The processor time that a damaged file may take, seconds.
LIMIT_SECONDS: Final = 1

#: How each original is saved, from an image of libvips.
FORMATS: Final[Mapping[str, tuple[str, Callable[[Any, str], Any]]]] = {
    "JPEG, baseline": ("jpg", lambda image, path: image.jpegsave(path, Q=90)),
    "JPEG, progressive, subsampled colour": (
        "jpg",
        lambda image, path: image.jpegsave(path, Q=90, interlace=True, subsample_mode="on"),
    ),
    "JPEG, progressive, without subsampled colour": (
        "jpg",
        lambda image, path: image.jpegsave(path, Q=90, interlace=True),
    ),
    "JPEG, CMYK": (
        "jpg",
        lambda image, path: image.icc_export(output_profile="cmyk").jpegsave(path, Q=90),
    ),
    "PNG": ("png", lambda image, path: image.pngsave(path, compression=1)),
    "TIFF, 16 bits": (
        "tif",
        lambda image, path: (
            (image.cast("ushort") * 257)
            .cast("ushort")
            .copy(interpretation="rgb16")
            .tiffsave(path, compression="deflate")
        ),
    ),
    "WebP": ("webp", lambda image, path: image.webpsave(path, Q=80)),
}


def make(name: str, folder: Path) -> Path:
    """Write an original of 100 megapixels, and return its path."""
    import pyvips  # noqa: PLC0415 - the parent must stay small

    suffix, save = FORMATS[name]
    path = folder / f"original.{suffix}"
    place = pyvips.Image.xyz(WIDTH, HEIGHT)
    across, down = place[0] * (255 / WIDTH), place[1] * (255 / HEIGHT)
    noise = pyvips.Image.gaussnoise(WIDTH, HEIGHT, sigma=4, mean=0)
    bands = across.bandjoin([down, (across + down) / 2]) + noise
    save(bands.cast("uchar").copy(interpretation="srgb"), str(path))
    return path


def render_all(paths: Sequence[Path]) -> None:
    """Make all renditions here.

    Prints this process's peak in bytes, its seconds, and the seconds of the slowest original.
    """
    from reindex.domain.failures import ReindexFailure  # noqa: PLC0415 - as above

    slowest = 0.0
    for path in paths:
        started = time.process_time()
        with suppress(ReindexFailure):
            render_photos([path])
        slowest = max(slowest, time.process_time() - started)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_maxrss * 1024, used.ru_utime + used.ru_stime, slowest)


def measure() -> Result:
    """Make the renditions of each format, each in a process of its own."""
    return Result([*_large(), *_damaged(), *other_renderers.rows()])


def _damaged() -> list[Row]:
    """Make the renditions of the damaged files, as far as they can be made."""
    corpus = find_corpus()
    if corpus is None:
        return [Row("damaged files", "not run: no corpus")]
    peak, _, slowest = map(float, _run("--path", str(corpus / "damaged")).split())
    memory, seconds = f"{peak / 1e6:,.0f} MB", f"{slowest:.2f} s"
    is_quick = slowest <= LIMIT_SECONDS
    return [
        Row("damaged files: memory", memory, f"<= {LIMIT_MB} MB", peak / 1e6 <= LIMIT_MB),
        Row("damaged files: the slowest", seconds, f"<= {LIMIT_SECONDS} s", is_quick),
    ]


def _large() -> list[Row]:
    rows: list[Row] = []
    for name in FORMATS:
        with tempfile.TemporaryDirectory(prefix="renditions-") as folder:
            _run("--make", name, "--path", folder)
            [original] = Path(folder).iterdir()
            peak, seconds, _ = map(float, _run("--path", str(original)).split())
        megabytes = peak / 1e6
        memory = f"{megabytes:,.0f} MB"
        held = megabytes <= LIMIT_MB
        rows.append(Row(f"{name}: memory", memory, f"<= {LIMIT_MB} MB", held))
        rows.append(Row(f"{name}: processor time", f"{seconds:.1f} s"))
    return rows


def _run(*options: str) -> str:
    module = __spec__.name if __spec__ else __name__
    command = [sys.executable, "-m", module, *options]
    # As in the function, which has one processor.
    environment = {**os.environ, "VIPS_CONCURRENCY": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ran.returncode:
        raise RuntimeError(ran.stdout + ran.stderr)
    return ran.stdout


def main() -> int:
    """Measure and print; with ``--path``, make or render one original here."""
    parser: argparse.ArgumentParser = parser_of("renditions", __doc__)
    parser.add_argument("--make", help="of a child: a format to write")
    parser.add_argument("--path", type=Path, help="of a child: a folder, or an original")
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.make, arguments.path)
        return 0
    if arguments.path:
        folder = arguments.path.is_dir()
        render_all(sorted(arguments.path.iterdir()) if folder else [arguments.path])
        return 0
    return report(measure(), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
