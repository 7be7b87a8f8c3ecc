"""A local server must never outlive the tests that started it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.local import loopback, processes
from tests.local.processes import LocalServerError, serve


def wrapped_server(port: int) -> list[str]:
    """A shell that starts a web server and does not pass signals on, as some wrappers do not."""
    server = f"{sys.executable} -m http.server {port} --bind {loopback.ADDRESS}"
    return ["sh", "-c", f"{server} & wait"]


def gone(url: str) -> bool:
    deadline = time.monotonic() + 10
    while loopback.status(url) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_server_behind_a_wrapper_ends_with_its_block(tmp_path: Path) -> None:
    port = loopback.free_port()
    url = loopback.url(port)
    with serve(wrapped_server(port), log=tmp_path / "web.log", ready=url):
        assert loopback.status(url) == 200
    assert loopback.status(url) is None


def test_a_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    port = loopback.free_port()
    url = loopback.url(port)
    parent = f"""
import os, pathlib
from tests.local.processes import serve
with serve({wrapped_server(port)}, log=pathlib.Path({str(tmp_path)!r}, "web.log"), ready={url!r}):
    print("ready", flush=True)
    os.kill(os.getpid(), 9)
"""
    root = Path(__file__).parents[2]
    died = subprocess.run(
        [sys.executable, "-c", parent], cwd=root, capture_output=True, check=False
    )
    assert (died.returncode, died.stdout) == (-9, b"ready\n"), died.stderr
    assert gone(url)


def test_a_server_deaf_to_term_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_TERM_SECONDS", 0.2)
    port = loopback.free_port()
    url = loopback.url(port)
    deaf = ["sh", "-c", f"trap '' TERM; {wrapped_server(port)[2]}"]
    with serve(deaf, log=tmp_path / "web.log", ready=url):
        pass
    assert loopback.status(url) is None


def test_a_server_that_dies_is_reported_with_what_it_said(tmp_path: Path) -> None:
    dying = ["sh", "-c", "echo no room on the disk; exit 3"]
    with (
        pytest.raises(LocalServerError, match=r"(?s)^disk ended .*no room on the disk\n.*status 3"),
        serve(dying, log=tmp_path / "disk.log", ready=loopback.url(loopback.free_port())),
    ):
        pass


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(LocalServerError, match="no-such-program"),
        serve(["no-such-program"], log=tmp_path / "x.log", ready=loopback.url(1)),
    ):
        pass
