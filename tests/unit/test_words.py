"""Comments and docstrings avoid the words of :mod:`tests.unit.banned_words`."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.unit.banned_words import BANNED, BANNED_STARTS, Banned

ROOT = Path(__file__).parents[2]

#: The modules that have been rewritten. To extend the rule, add a package and fix what fails.
PACKAGES = (
    "cdk/**/*.py",
    "lambdas/*.py",
    "lambdas/reindex/*.py",
    "lambdas/reindex/composition/**/*.py",
    "lambdas/reindex/domain/**/*.py",
    "lambdas/reindex/image/**/*.py",
    "lambdas/reindex/processors/**/*.py",
    "lambdas/reindex/repairs/**/*.py",
    "lambdas/reindex/reports/**/*.py",
    "lambdas/reindex/steps/**/*.py",
    "lambdas/reindex/stores/**/*.py",
    "lambdas/reindex/wiring/**/*.py",
    "scripts/**/*.py",
)

FILES = sorted(path for package in PACKAGES for path in ROOT.glob(package))

#: Tests may begin a docstring with a question, which names what they show.
TESTS = sorted(path for path in ROOT.glob("tests/**/*.py") if path.stem != "banned_words")


def prose_of(code: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each run of comments, and of each docstring."""
    run: list[str] = []
    begin = end = 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type != tokenize.COMMENT:
            continue
        if run and token.start[0] != end + 1:
            yield begin, " ".join(run)
            run = []
        begin, end = (begin if run else token.start[0]), token.start[0]
        run.append(token.string.lstrip("#: "))
    if run:
        yield begin, " ".join(run)
    for node in ast.walk(ast.parse(code)):
        # A string that is a statement: a docstring, or the description of a constant.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            value = node.value.value
            if isinstance(value, str):
                yield node.lineno, value


def problems(code: str, starts: Sequence[Banned] = BANNED_STARTS) -> Iterator[str]:
    """Yield the banned words of a module, each with its line and the reason."""
    for line, text in prose_of(code):
        words = " ".join(re.sub(r"``.*?``", "", text).split())
        for banned in BANNED:
            for found in re.finditer(rf"\b(?:{banned.pattern})\b", words, re.IGNORECASE):
                yield f"line {line}: {found[0]!r}: {banned.reason}"
        for banned in starts:
            if re.match(rf"(?:{banned.pattern})\b", words, re.IGNORECASE):
                yield f"line {line}: begins with {words.split()[0]!r}: {banned.reason}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_comments_and_docstrings_use_plain_words(path: Path) -> None:
    assert list(problems(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_so_do_those_of_tests(path: Path) -> None:
    assert list(problems(path.read_text(encoding="utf-8"), starts=())) == []


def test_a_banned_word_is_found_in_comments_and_docstrings() -> None:
    code = '''
def f():
    """Whether it is told.

    It stands here, held
    against it.
    """
    # Asked by
    # nobody.
'''
    assert [found.split(":")[1].strip() for found in problems(code)] == [
        "'nobody'",
        "'told'",
        "'stands'",
        "'held against'",
        "begins with 'Whether'",
    ]
