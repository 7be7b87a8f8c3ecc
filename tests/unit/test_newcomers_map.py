"""The map in docs/development.md names files and functions that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGE = (ROOT / "docs/development.md").read_text(encoding="utf-8")
MAP = PAGE[PAGE.index("## A map for newcomers") : PAGE.index("## How the command starts")]

STEPS = [
    [cell.strip() for cell in row.strip("|").split("|")]
    for row in re.findall(r"^\| \d+ .*\|$", MAP, re.MULTILINE)
]


def test_every_file_of_the_map_exists() -> None:
    files = re.findall(r"`((?:lambdas|scripts|cdk|docs|tests)/[\w/.]+)`", MAP)
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_function_of_the_map_is_defined_in_its_file() -> None:
    assert STEPS
    for _, _, files, functions in STEPS:
        code = "".join((ROOT / file).read_text("utf-8") for file in re.findall("`(.*?)`", files))
        for function in re.findall("`(.*?)`", functions):
            for name in function.split("."):
                assert re.search(rf"(?:def|class) {name}\b", code), f"{function} is not in {files}"
