"""Makes the record of AWS calls anew, and what is made of it: ``python -m tests.calls``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.calls import operators
from tests.calls.record import deployments
from tests.calls.recording import VARIABLE
from tests.calls.walk import walk


def main() -> None:
    """Walk, and write the record."""
    with tempfile.TemporaryDirectory() as folder:
        calls, work = Path(folder, "calls"), Path(folder, "work")
        calls.mkdir()
        work.mkdir()
        os.environ[VARIABLE] = str(calls)
        walk(work)
        [deployment] = deployments(calls)
        deployment.record.write()
    operators.write()


if __name__ == "__main__":
    main()
