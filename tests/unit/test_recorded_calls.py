"""AWS calls are recorded, and each is mapped to the permissions that it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.calls.permissions import EXECUTIONS, Permission, needed, place
from tests.calls.recording import VARIABLE, RecordedCall, environment, recorded

#: Calls that end in no answer: nothing listens on port 9.
_CALLS = """
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
config = Config(retries={"total_max_attempts": 1})
def client(name):
    return boto3.client(name, "us-east-1", endpoint_url="http://127.0.0.1:9", config=config,
        aws_access_key_id="a", aws_secret_access_key="b")
for call in (
    lambda: client("s3").get_object(Bucket="images", Key="a", VersionId="7"),
    lambda: client("dynamodb").batch_execute_statement(Statements=[
        {"Statement": 'UPDATE "rows" SET "a" = ? WHERE "id" = ?', "Parameters": [{"S": "secret"}]},
        {"Statement": 'SELECT * FROM "uses"."by-image" WHERE "id" = ?'}]),
    lambda: client("dynamodb").transact_write_items(TransactItems=[
        {"Put": {"TableName": "rows", "Item": {"id": {"S": "secret"}}}}]),
    lambda: client("sqs").send_message(QueueUrl="http://q/0/work", MessageBody="secret"),
):
    try:
        call()
    except BotoCoreError:
        pass
"""


def call(service: str, operation: str, **parameters: Any) -> RecordedCall:
    return RecordedCall("a-function", ("-c",), service, operation, parameters)


def run_calls(variables: dict[str, str]) -> None:
    environ = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "a-function", **variables}
    subprocess.run([sys.executable, "-c", _CALLS], env=environ, check=True)


def test_a_process_records_what_it_calls_without_what_it_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    run_calls(environment("http://127.0.0.1:9"))

    found = list(recorded(tmp_path / "9"))

    assert {each.function for each in found} == {"a-function"}
    assert {permission for each in found for permission in needed(each)} == {
        Permission("s3:GetObjectVersion", "images", "a"),
        Permission("s3:ListBucket", "images"),
        Permission("dynamodb:PartiQLUpdate", "rows"),
        Permission("dynamodb:PartiQLSelect", "uses", "index/by-image"),
        Permission("dynamodb:PutItem", "rows"),
        Permission("sqs:SendMessage", "work"),
    }
    assert "secret" not in "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))


def test_nothing_is_recorded_unless_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert environment("http://127.0.0.1:9") == {}
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    hook_alone = {"PYTHONPATH": environment("http://127.0.0.1:9")["PYTHONPATH"]}
    monkeypatch.delenv(VARIABLE)

    run_calls(hook_alone)

    assert list(recorded(tmp_path / "9")) == []


@pytest.mark.parametrize(
    ("made", "permissions"),
    [
        (
            call("s3", "CopyObject", Bucket="to", Key="k", CopySource={"Bucket": "of", "Key": "j"}),
            {("s3:PutObject", "to", "k"), ("s3:GetObject", "of", "j"), ("s3:ListBucket", "of", "")},
        ),
        (
            call("s3", "DeleteObject", Bucket="b", Key="k", VersionId=True),
            {("s3:DeleteObjectVersion", "b", "k")},
        ),
        (call("s3", "HeadBucket", Bucket="b"), {("s3:ListBucket", "b", "")}),
        (
            call("dynamodb", "BatchWriteItem", RequestItems=["a", "b"]),
            {("dynamodb:BatchWriteItem", "a", ""), ("dynamodb:BatchWriteItem", "b", "")},
        ),
        (
            call("dynamodb", "Query", TableName="t", IndexName="i"),
            {("dynamodb:Query", "t", "index/i")},
        ),
        (call("lambda", "Invoke", FunctionName="f"), {("lambda:InvokeFunction", "f", "")}),
        (
            call("stepfunctions", "StopExecution", executionArn="arn:aws:states:r:0:execution:m:1"),
            {("states:StopExecution", "m", EXECUTIONS)},
        ),
        (call("stepfunctions", "SendTaskSuccess"), {("states:SendTaskSuccess", "", "")}),
    ],
    ids=lambda value: value.operation if isinstance(value, RecordedCall) else "",
)
def test_what_a_call_needs(made: RecordedCall, permissions: set[tuple[str, str, str]]) -> None:
    assert set(needed(made)) == {Permission(*each) for each in permissions}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("arn:aws:s3:::images/a/*", ("images", "a/*")),
        ("<TablesProgress.Arn>/index/work", ("<TablesProgress>", "index/work")),
        ("arn:<Partition>:dynamodb:<Region>:<AccountId>:table/t", ("t", "")),
        ("arn:aws:events:r:0:rule/a-rule", ("a-rule", "")),
        ("arn:aws:states:r:0:stateMachine:m", ("m", "")),
        ("arn:aws:states:r:0:execution:m:*", ("m", EXECUTIONS)),
        ("https://sqs.r.amazonaws.com/0/work", ("work", "")),
        ("/aws/lambda/a-function", ("/aws/lambda/a-function", "")),
    ],
)
def test_the_resource_that_a_name_refers_to(name: str, found: tuple[str, str]) -> None:
    assert place(name) == found
