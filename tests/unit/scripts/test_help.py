from __future__ import annotations

import pytest

from scripts.command import VERBS
from scripts.help_pages import PAGE, page
from tests.unit.scripts.stage import call


def test_the_help_pages_are_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m scripts.help_pages"


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    result = call(verb, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    reindex {verb}" in result.stdout
    # The first sentence stands whole in the list of verbs.
    assert "..." not in call("--help").stdout.replace("[ARGS]...", "")
