"""Wiring: settings arrive in the steps."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from reindex.settings import COMMAND, FUNCTIONS, variables
from reindex.tag_names import TagNames
from reindex.wiring import Wiring


@pytest.mark.parametrize("groups", [FUNCTIONS["image_projection"], COMMAND])
def test_function_and_command_name_tags_as_the_stage_says(
    groups: Iterable[type], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    environ = {name: name.lower() for name, required in variables(groups).items() if required}
    environ["TAG_NAMES"] = "metadata-extractor"
    assert Wiring(environ, groups).run_steps.projection.tag_names is TagNames.METADATA_EXTRACTOR
