"""``make chaos``, or ``python -m tests.chaos``: a reindex amid everything that can go wrong.

The seed that is printed repeats what is drawn at random: which accidents, in which order, whom
they hit, what people do. What threads and processes make of it no seed can repeat.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from tests.chaos.ingest import chaos_of_ingest
from tests.chaos.migration import chaos_of_migration
from tests.chaos.run import ChaosError, chaos
from tests.local.deploy import DeployError
from tests.local.processes import LocalServerError
from tests.local.versions import BY_ENGINE, SearchServer

#: Exit statuses after a signal: 128 and its number, as in shells.
_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    """Run; the exit status is 0 only if everything holds."""
    parser = argparse.ArgumentParser("python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of a run to repeat (default: a new one)")
    parser.add_argument("--images", type=int, default=2_000, help="default: %(default)s")
    parser.add_argument("--real", choices=BY_ENGINE, help="on a real server")
    parser.add_argument(
        "--migrate", action="store_true", help="migrate to a new index, on a real server"
    )
    parser.add_argument("--ingest", action="store_true", help="with a live lane beside the reindex")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1_000_000)
    # Unwinds like Ctrl-C, so that nothing is left running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    _say(f"seed {seed}: make chaos SEED={seed} repeats it")
    try:
        server = BY_ENGINE[arguments.real] if arguments.real else None
        if arguments.migrate:
            found = chaos_of_migration(
                seed, arguments.images, server=server or SearchServer.ELASTICSEARCH_8, say=_say
            )
        elif arguments.ingest:
            found = chaos_of_ingest(seed, arguments.images, real=server, say=_say)
        else:
            found = chaos(seed, arguments.images, real=server, say=_say)
    except (ChaosError, DeployError, LocalServerError) as error:
        for text in (f"✗ {error}", *getattr(error, "__notes__", ())):
            _say(text)
        sys.exit(1)
    except KeyboardInterrupt:
        _say("Interrupted; everything is stopped.")
        sys.exit(_INTERRUPTED)
    for line in found:
        _say(f"✗ {line}")
    _say(f"{'✗ does not hold' if found else '✓ everything holds'}: seed {seed}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
