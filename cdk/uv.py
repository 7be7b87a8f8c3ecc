"""The path of uv: the one that runs this process, the repository's own, or one on PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

#: The path at which ``make`` installs uv if PATH has none.
OWN: Final = Path(__file__).parent.parent / ".uv" / "bin" / "uv"


def find_uv() -> str | None:
    """Return the path of uv, or None if it is not installed.

    ``uv run`` names itself in the variable ``UV``; ``make`` runs everything with it.
    """
    return os.environ.get("UV") or (str(OWN) if OWN.exists() else shutil.which("uv"))
