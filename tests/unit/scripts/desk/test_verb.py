"""``reindex desk``."""

from __future__ import annotations

import _thread
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import pytest

from tests.unit.scripts.desk_stage import (
    DeskStage,
)


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Press Ctrl-C, which tests that are run in the background would ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield _thread.interrupt_main
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch, ctrl_c: Callable[[], None]) -> list[str]:
    """The pages that the browser was shown; then Ctrl-C is pressed."""
    pages: list[str] = []

    def opens(url: str) -> bool:
        file = Path(unquote(urlsplit(url).path))
        assert file.stat().st_mode & 0o077 == 0 or file.parent.stat().st_mode & 0o077 == 0
        found = re.search(r"url=(http://127\.0\.0\.1:\d+/[\w-]+/)", file.read_text())
        assert found

        def visit() -> None:
            with urlopen(found[1]) as answer:
                pages.append(answer.read().decode())
            ctrl_c()

        threading.Thread(target=visit).start()
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    return pages


def test_the_verb_opens_the_desk_until_it_is_interrupted(
    stage: DeskStage, visits: list[str]
) -> None:
    result = stage.reindex("desk")
    assert (result.exit_code, result.stderr) == (0, "")
    assert ["Desk of TEST" in page for page in visits] == [True]
    first, address, last = result.stdout.splitlines()
    assert first == "The desk of TEST (changes are allowed), until Ctrl-C:"
    assert re.fullmatch(r"  http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
    assert last == "The desk is closed; runs go on."


def test_the_verb_can_be_read_only(stage: DeskStage, visits: list[str]) -> None:
    result = stage.reindex("desk", "--read-only")
    assert "(read-only)" in result.stdout
    assert "nothing can be changed here" in visits[0]


def test_a_port_in_use_is_said(stage: DeskStage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = stage.reindex("desk", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "in use" in result.stderr


def test_a_missing_extra_is_named(stage: DeskStage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("scripts.desk.")]:
        if name != "scripts.desk.verb":
            monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.split(".")[0] == "werkzeug"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    result = stage.reindex("desk")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: the desk needs the extra desk: install image-reindex[desk] "
        "(uv tool install '.[desk]', or pipx install '.[desk]')\n"
    )
