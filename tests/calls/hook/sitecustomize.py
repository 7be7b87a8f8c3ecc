"""Records the AWS calls of a process; Python imports it at start from a folder on PYTHONPATH.

Only the local servers of the tests put this folder there, see :mod:`tests.calls.recording`. One
JSON line is appended for each different call: the process, the service, the operation and the
parameters that name resources.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

#: Names the folder that calls are written to.
VARIABLE = "IMAGE_REINDEX_CALLS"

#: Parameters of operations that name a resource by a text.
_NAMES = frozenset(
    {
        "Bucket",
        "FunctionName",
        "IndexName",
        "Key",
        "Name",
        "QueueUrl",
        "Rule",
        "SecretId",
        "StackName",
        "TableName",
        "TopicArn",
        "UUID",
        "executionArn",
        "logGroupName",
        "stateMachineArn",
    }
)

#: The product's PartiQL statements: the verb, the table, and the index if there is one.
_STATEMENT = re.compile(
    r'\s*(SELECT|INSERT|UPDATE|DELETE)\b(?:.*?\b(?:FROM|INTO))?\s+"([^"]+)"(?:\."([^"]+)")?',
    re.DOTALL,
)

_CLIENT = "botocore.client"


def _resources(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that name resources, without values of items or messages."""
    found = _names(parameters)
    if "CopySource" in parameters:
        found["CopySource"] = _names(parameters["CopySource"])
    if "RequestItems" in parameters:
        found["RequestItems"] = sorted(parameters["RequestItems"])
    if "Statement" in parameters:
        found["Statements"] = [_statement(parameters["Statement"])]
    if "Statements" in parameters:
        texts = {each["Statement"] for each in parameters["Statements"]}
        found["Statements"] = sorted({_statement(text) for text in texts})
    if "TransactItems" in parameters:
        writes = (write for each in parameters["TransactItems"] for write in each.items())
        found["TransactItems"] = sorted({(kind, item["TableName"]) for kind, item in writes})
    return found


def _names(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: parameters[name] for name in _NAMES & parameters.keys()}
    # Which version does not matter, but that it is a version does: the action is another.
    return {**found, "VersionId": True} if "VersionId" in parameters else found


def _statement(text: str) -> tuple[str, ...]:
    found = _STATEMENT.match(text)
    # A statement of another form stays as it is: no policy allows it, so it will be noticed.
    return tuple(part or "" for part in found.groups()) if found else (text, "", "")


class _Recorder:
    """Appends calls to a file of this process."""

    def __init__(self, folder: str) -> None:
        self._path = Path(folder, f"{os.getpid()}.jsonl")
        self._seen: set[str] = set()

    def record(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        line = json.dumps(
            {
                "function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
                "command": sys.argv,
                "service": service,
                "operation": operation,
                "parameters": _resources(parameters),
            },
            sort_keys=True,
        )
        if line not in self._seen:
            self._seen.add(line)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


class _ClientLoader(importlib.abc.Loader):
    """Loads botocore's client module, and has its calls recorded."""

    def __init__(self, loader: importlib.abc.Loader, recorder: _Recorder) -> None:
        self._loader = loader
        self._recorder = recorder

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        client = module.BaseClient
        call = client._make_api_call

        def recorded(self: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
            recorder.record(self.meta.service_model.service_name, operation, parameters)
            return call(self, operation, parameters)

        recorder = self._recorder
        client._make_api_call = recorded


class _ClientFinder(importlib.abc.MetaPathFinder):
    """Finds botocore's client module wherever the process would: a function brings its own."""

    def __init__(self, recorder: _Recorder) -> None:
        self._recorder = recorder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _CLIENT:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = _ClientLoader(spec.loader, self._recorder)
        return spec


if _folder := os.environ.get(VARIABLE):
    sys.meta_path.insert(0, _ClientFinder(_Recorder(_folder)))
