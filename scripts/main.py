"""The entry point of the ``reindex`` command.

It imports nothing by itself, so that not even an interrupt while the rest is being imported
shows a traceback; and the processes that a verb starts, which import it too, start faster.
"""

from __future__ import annotations

import sys

#: Exit status after Ctrl-C: 128 and the signal's number, as shells have it.
INTERRUPTED = 130


def main() -> None:
    """Run the command."""
    try:
        from scripts.command import reindex  # noqa: PLC0415
    except KeyboardInterrupt:
        print("Interrupted: nothing was changed.", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)
    reindex(prog_name="reindex")


if __name__ == "__main__":
    main()
