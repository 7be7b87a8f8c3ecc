"""Holds synthesized templates against the rules of the services: ``python -m tests.stack.lint``.

cfn-lint knows CloudFormation's resources, policies and, in part, state machines; asl-validator
knows which states of a machine can be reached. Both see the machine's definition as the deployment
makes it, with names in place of references.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.api import lint_all

# jsii speaks up on stderr at every start about the age of this node.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from cdk.bundling import Asset
from tests.stack import templates

_STATE_MACHINE = "AWS::StepFunctions::StateMachine"

_VALIDATOR = templates.ROOT / "node_modules" / ".bin" / "asl-validator"

#: What CloudFormation puts in place of its own references.
_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012"}

#: cfn-lint's schema lacks QueryLanguage in the state Succeed, where the language allows it.
#: https://states-language.net/spec.html#querylanguage-field
_FALSE = "Additional properties are not allowed ('QueryLanguage' was unexpected)"


def findings(template: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a synthesized template."""
    resources = {
        name: _with_definition(resource) if resource["Type"] == _STATE_MACHINE else resource
        for name, resource in template["Resources"].items()
    }
    for match in lint_all(json.dumps({**template, "Resources": resources})):
        where = "/".join(map(str, match.path[1:])) if match.path else ""
        is_advice = match.rule.id.startswith("I")
        if not is_advice and not (match.rule.id == "E3601" and _FALSE in match.message):
            yield f"{match.rule.id} {where}: {match.message}"
    for name, resource in resources.items():
        if resource["Type"] == _STATE_MACHINE:
            yield from _definition_findings(name, resource["Properties"]["DefinitionString"])


def _with_definition(machine: Mapping[str, Any]) -> Mapping[str, Any]:
    """A state machine with its definition as text."""
    properties = machine["Properties"]
    text = rendered(properties["DefinitionString"])
    return {**machine, "Properties": {**properties, "DefinitionString": text}}


def rendered(value: Any) -> str:
    """A value of the template, as text such as the deployment makes of it."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, [*parts]]}:
            return str(separator).join(map(rendered, parts))
        case {"Ref": name}:
            return _PSEUDO.get(name, str(name))
        case {"Fn::GetAtt": [name, _]}:
            return f"arn:aws:lambda:eu-west-1:123456789012:function:{name}"
        case _:
            raise ValueError(f"no text: {value}")


def _definition_findings(name: str, definition: str) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(definition)
        file.flush()
        done = subprocess.run(
            [_VALIDATOR, "--json-path", file.name], capture_output=True, text=True, check=False
        )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        yield f"{name}: {' '.join(line.strip() for line in said[1:])}"


def main() -> None:
    """Name what is wrong with the full example stage, without and with a live lane."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "asset.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("nothing", "")
        asset = Asset(path, "0" * 64)
        stages = [templates.example_stage(), templates.ingest_stage()]
        found = [
            f for stage in stages for f in findings(templates.synthesize(stage, asset).template)
        ]
    if found:
        sys.exit("\n".join(dict.fromkeys(found)))


if __name__ == "__main__":
    main()
