"""The desk as an operator starts it, for end-to-end tests."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

#: Runs a program that Ctrl-C ends: what runs in the background ignores it, and so do its children.
_HEED_INTERRUPTS = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class ServedDesk:
    """A desk that runs.

    Attributes:
        head: The line that it began with.
        address: Its URL.
    """

    head: str
    address: str

    def get(self, path: str, **query: str) -> str:
        """What is at a path: text, with its characters unescaped."""
        with urlopen(f"{self.address}{path}?{urlencode(query)}") as answer:
            return unescape(answer.read().decode())

    def panel(self, name: str) -> str:
        """A panel, read again."""
        return self.get(f"panels/{name}", refresh="1")

    def explain(self, image_id: str) -> str:
        """Why an image is found, or not."""
        return self.get("explanation", id=image_id)


@contextmanager
def served_desk(command: Path, environ: Mapping[str, str]) -> Iterator[ServedDesk]:
    """Run the desk for the time of a ``with`` block; then press Ctrl-C.

    Args:
        command: The ``reindex`` command.
        environ: Of the deployment.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _HEED_INTERRUPTS, command, "desk", "--no-open"],
        cwd=command.parent,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            head, address = process.stdout.readline(), process.stdout.readline()
            yield ServedDesk(head.strip(), address.strip())
        finally:
            process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "The desk is closed; runs go on.\n"
    assert process.returncode == 0
