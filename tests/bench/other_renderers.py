"""Renditions per second of processor time, beside ``vipsthumbnail`` and ImageMagick.

Each makes the same three renditions (256 pixels, 2,048 pixels as JPEG and as WebP) of the same
photos on one thread. ``vipsthumbnail`` is given all photos at once, and decodes each of them three
times; ImageMagick is started for each photo, decodes it once and converts no colour profile.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench.projection import Row
from tests.corpus import find_corpus
from tests.local.tools import find_imagemagick

#: Photos that are rendered: the largest of the corpus that are JPEG.
PHOTOS: Final = 60
_RENDITIONS: Final = 3

#: As :mod:`reindex.image.renditions` has them, which is large: a child's peak counts its parent's.
THUMBNAIL_SIDE: Final = 256
SCREEN_SIDE: Final = 2_048

_ONE_THREAD: Final = {"VIPS_CONCURRENCY": "1", "MAGICK_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"}

_OURS: Final = "ours"


def rows() -> list[Row]:
    """Measure each renderer that this machine has."""
    corpus = find_corpus()
    if corpus is None:
        return [Row("renditions/s beside other programs", "not run: no corpus of photos")]
    found = sorted((corpus / "photos").glob("jpg__*"), key=lambda path: path.stat().st_size)
    photos = found[-PHOTOS:]
    rates = {}
    for name, render in _renderers().items():
        with tempfile.TemporaryDirectory(prefix="renderers-") as folder:
            rates[name] = _RENDITIONS * len(photos) / _processor_time(render, photos, Path(folder))
    made = f"{rates[_OURS]:.0f} renditions/s"
    return [
        Row(f"{len(photos)} photos", made),
        *(
            Row(f"the same, {name}", f"{rate:.0f} renditions/s")
            for name, rate in rates.items()
            if name != _OURS
        ),
    ]


def render_photos(paths: Sequence[Path]) -> None:
    """Make our renditions of photos, in this process."""
    from reindex.image import sniff  # noqa: PLC0415 - a child's
    from reindex.image.extract import extract  # noqa: PLC0415
    from reindex.image.ranged import open_path  # noqa: PLC0415
    from reindex.image.renditions import Notice, render  # noqa: PLC0415

    for path in paths:
        with open_path(path) as opened:
            head = opened.pread(0, sniff.HEAD)
            dimensions = extract(opened).dimensions
        for _ in render(path, head, dimensions, Notice()):
            pass


Renderer = Callable[[Sequence[Path], Path], None]


def _renderers() -> Mapping[str, Renderer]:
    found: dict[str, Renderer] = {_OURS: _ours}
    if shutil.which("vipsthumbnail"):
        found["vipsthumbnail"] = _vipsthumbnail
    if magick := find_imagemagick():
        found["ImageMagick"] = lambda photos, to: _imagemagick(magick, photos, to)
    return found


def _ours(photos: Sequence[Path], _: Path) -> None:
    _run(sys.executable, "-m", "tests.bench.other_renderers", *map(str, photos))


def _vipsthumbnail(photos: Sequence[Path], to: Path) -> None:
    for side, ending in (
        (THUMBNAIL_SIDE, "jpg[Q=85,optimize_coding,strip]"),
        (SCREEN_SIDE, "jpg[Q=85,optimize_coding,strip]"),
        (SCREEN_SIDE, "webp[Q=80,effort=2,strip]"),
    ):
        output = f"{to}/%s-{side}.{ending}"
        size = f"{side}x{side}>"
        _run("vipsthumbnail", *map(str, photos), "-s", size, "--eprofile", "srgb", "-o", output)


def _imagemagick(program: str, photos: Sequence[Path], to: Path) -> None:
    for photo in photos:
        name = f"{to}/{photo.stem}"
        _run(
            *(program, f"{photo}[0]", "-auto-orient", "-strip"),
            *("-resize", f"{SCREEN_SIDE}x{SCREEN_SIDE}>"),
            *("-quality", "85", "-write", f"{name}.jpg"),
            *("-quality", "80", "-define", "webp:method=2", "-write", f"{name}.webp"),
            *("-resize", f"{THUMBNAIL_SIDE}x{THUMBNAIL_SIDE}>", "-quality", "85"),
            f"{name}-small.jpg",
        )


def _processor_time(render: Renderer, photos: Sequence[Path], to: Path) -> float:
    """Return the processor time that the processes of a renderer take, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    render(photos, to)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(*command: str) -> None:
    # Some photos have oddities that each program warns of, or refuses.
    environment = {**os.environ, **_ONE_THREAD}
    subprocess.run(command, env=environment, capture_output=True, check=False)


if __name__ == "__main__":
    render_photos([Path(name) for name in sys.argv[1:]])
