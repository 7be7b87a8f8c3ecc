"""Chromium without a screen: what a page looks like, and what it complains of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

#: What the browser is called, by who packs it.
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")

FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
)

#: Blink's own numbers for what a reader prefers.
_SCHEMES: Final = {"dark": 0, "light": 1}

#: A line of its log that came from a page's console.
_CONSOLE: Final = re.compile(r"CONSOLE[:(]\d+\)?\] (.*)")

_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Look:
    """A page as it was seen.

    Attributes:
        image: Its picture.
        complaints: What its console said.
    """

    image: Image.Image
    complaints: Sequence[str]

    @property
    def colours(self) -> dict[str, int]:
        """Every colour in it as ``#rrggbb``, and its number of points."""
        found = self.image.getcolors(self.image.width * self.image.height) or []
        return {"#{:02x}{:02x}{:02x}".format(*colour): n for n, colour in found}  # type: ignore[misc]


def find() -> str | None:
    """Where the browser is; None when there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def look(browser: str, page: Path, *, scheme: str, size: tuple[int, int]) -> Look:
    """Open a page of the disk.

    Args:
        browser: The browser.
        page: The page.
        scheme: What the reader prefers: ``light`` or ``dark``.
        size: Of the window.
    """
    # Its sandbox cannot be set up by root, and what is opened here is our own.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        picture = Path(folder) / "look.png"
        done = subprocess.run(
            [
                browser,
                *FLAGS,
                *sandbox,
                f"--user-data-dir={folder}/profile",
                f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}",
                f"--window-size={size[0]},{size[1]}",
                f"--screenshot={picture}",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert picture.exists(), done.stderr
        with Image.open(picture) as image:
            return Look(image.convert("RGB"), _CONSOLE.findall(done.stderr))
