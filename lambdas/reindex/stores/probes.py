"""Checks that the resources of a run exist and grant access, each by its cheapest call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reindex.domain.failures import StoreUnavailable
from reindex.domain.key_templates import KeyTemplate
from reindex.settings import LibrarySettings
from reindex.stores.aws import unavailable
from reindex.stores.projector import READ_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client


def bucket(client: S3Client, name: str) -> None:
    """Check that a bucket may be listed; if not, S3 answers for an absent object with 403.

    Raises:
        StoreUnavailable: It may not.
    """
    with unavailable(f"S3: bucket {name}"):
        client.list_objects_v2(Bucket=name, MaxKeys=1)


def originals(client: S3Client, library: LibrarySettings) -> None:
    """Check that the bucket of the originals may be listed, and has keys of the expected form.

    Raises:
        StoreUnavailable: It may not, or none of its first thousand keys has that form.
    """
    name, template = library.originals_bucket, KeyTemplate(library.original_key)
    with unavailable(f"S3: bucket {name}"):
        answer = client.list_objects_v2(Bucket=name, Prefix=template.prefix)
    keys = [found["Key"] for found in answer.get("Contents", [])]
    if keys and template.is_reversible and not any(map(template.image_id, keys)):
        raise StoreUnavailable(
            f"S3: bucket {name}: no key has the form {template.text} of original_key; one is "
            f"{keys[0]}"
        )


def library_table(client: DynamoDBClient, library: LibrarySettings, setting: str) -> None:
    """Check that a table of the library exists, with the key or index by which rows are found.

    Args:
        client: Of DynamoDB.
        library: Names of the tables, and of their keys and indexes.
        setting: Name of the table's setting, such as ``edits_table``.

    Raises:
        StoreUnavailable: It does not exist, or has another key.
    """
    name, kind = getattr(library, setting), setting.removesuffix("_table")
    with unavailable(f"DynamoDB: table {name}"):
        found = client.describe_table(TableName=name)["Table"]
    index = getattr(library, f"{kind}_index", None)
    if index is None:
        wanted, schema = getattr(library, f"{kind}_key"), found["KeySchema"]
    else:
        wanted = getattr(library, f"{kind}_image")
        indexes = found.get("GlobalSecondaryIndexes", [])
        named = [each for each in indexes if each.get("IndexName") == index]
        if not named:
            raise StoreUnavailable(f"DynamoDB: table {name} has no index {index}")
        schema = named[0]["KeySchema"]
    keys = [part["AttributeName"] for part in schema if part["KeyType"] == "HASH"]
    if keys != [wanted] or (index is None and len(schema) > 1):
        given = ", ".join(part["AttributeName"] for part in schema)
        raise StoreUnavailable(
            f"DynamoDB: table {name}{f', index {index}' if index else ''} has the key {given}, "
            f"and rows are to be found by {wanted}"
        )


def function(client: LambdaClient, name: str) -> None:
    """Check that a function exists, and that its time-out is shorter than the caller's.

    Raises:
        StoreUnavailable: It does not exist, or its time-out is longer.
    """
    with unavailable(f"Lambda: function {name}"):
        found = client.get_function_configuration(FunctionName=name)
    seconds = found.get("Timeout", 0)
    if seconds > READ_SECONDS:
        raise StoreUnavailable(
            f"Lambda: function {name} has a time-out of {seconds} s: we wait {READ_SECONDS:.0f} s"
        )


def rule(client: EventBridgeClient, name: str) -> None:
    """Check that a rule exists.

    Raises:
        StoreUnavailable: It does not.
    """
    with unavailable(f"EventBridge: rule {name}"):
        client.describe_rule(Name=name)
