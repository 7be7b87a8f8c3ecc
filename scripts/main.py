"""The entry point of the ``reindex`` command.

It imports nothing by itself, so that not even an interrupt while the rest is being imported
shows a traceback; and the processes that a verb starts, which import it too, start faster.
"""

from __future__ import annotations

import sys

from .exit_status import INTERRUPTED


def main() -> None:
    """Run the command."""
    try:
        from .command import reindex
    except KeyboardInterrupt:
        print("Interrupted: nothing was changed.", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)
    reindex(prog_name="reindex")


if __name__ == "__main__":
    main()
