"""The examples of docs/projection-contract.md are what batch-index takes, and what it sends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cdk.stage_settings import ProjectionSettings
from reindex.steps.function_answers import FunctionAnswers
from reindex.strict_json import read
from tests.twins.run_files import MemoryRunFiles
from tests.unit.steps.world import ManualClock

PAGE = (Path(__file__).parents[3] / "docs" / "projection-contract.md").read_text(encoding="utf-8")


def example(kind: str) -> Any:
    [text] = re.findall(rf"```json {kind}\n(.*?)```", PAGE, re.DOTALL)
    return json.loads(text)


def test_the_answer_is_one_to_the_event() -> None:
    event = example("event")
    assert event.keys() == {"ids", "run_id", "misfits"}
    found = FunctionAnswers(MemoryRunFiles(), "PROD", "own", ManualClock()).read(
        example("answer"), event["ids"], event["run_id"]
    )
    [image] = found.images
    assert json.loads(image.image)["colour"] == "red"
    assert [failure.code for failure in found.failures.values()] == ["not_found"]


def test_the_settings_are_such_as_a_stage_takes() -> None:
    found = re.findall(r"```json\n\"projection\": (\{.*?\})\n```", PAGE, re.DOTALL)
    loader, function = (read(ProjectionSettings, json.loads(text), "projection") for text in found)
    assert loader.loader is not None
    assert function.function is not None
