"""Exit statuses of the command that click does not name itself."""

from __future__ import annotations

from typing import Final

#: After Ctrl-C: 128 and the signal's number, as in shells.
INTERRUPTED: Final = 130
