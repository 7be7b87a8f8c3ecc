"""The IAM actions and resources that an AWS call needs.

Most operations need the action of their own name. The exceptions are in the Service Authorization
Reference, https://docs.aws.amazon.com/service-authorization/latest/reference/, a page a service.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.calls.recording import RecordedCall

#: The value of :attr:`Permission.within` for the executions of a state machine.
EXECUTIONS: Final = "executions"


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """An action on a resource.

    Attributes:
        action: With its service, such as ``s3:GetObject``.
        resource: The name of the table, bucket or the like; an empty string if the call names none.
        within: The part of the resource: the key of an object, ``index/NAME`` of a table, or
            :data:`EXECUTIONS`.
    """

    action: str
    resource: str
    within: str = ""


#: Prefixes of actions, where they are not the service's name.
_PREFIXES: Final = {"stepfunctions": "states"}

#: Actions that are not called as their operation is.
_ACTIONS: Final = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("s3", "CompleteMultipartUpload"): "PutObject",
    ("s3", "CreateMultipartUpload"): "PutObject",
    ("s3", "HeadBucket"): "ListBucket",
    ("s3", "HeadObject"): "GetObject",
    ("s3", "ListObjectVersions"): "ListBucketVersions",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("s3", "UploadPart"): "PutObject",
    ("sqs", "ChangeMessageVisibilityBatch"): "ChangeMessageVisibility",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "SendMessageBatch"): "SendMessage",
}

#: The parameter that names the resource. An operation that has none of them, such as
#: ``SendTaskSuccess``, is checked against the resource of its token.
_PARAMETERS: Final = (
    "TableName",
    "QueueUrl",
    "FunctionName",
    "UUID",
    "Name",
    "Rule",
    "stateMachineArn",
    "executionArn",
    "TopicArn",
    "SecretId",
    "StackName",
    "logGroupName",
)

_TRANSACTED: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}

#: The kind of a resource, which comes before its name in an ARN.
_KIND: Final = re.compile(
    "^(?:(?:table|rule|stack)/|(?:function|stateMachine|event-source-mapping):)"
)


def needed(call: RecordedCall) -> Iterator[Permission]:
    """Yield the permissions that a call needs."""
    if call.service == "sts":
        # GetCallerIdentity, the only operation in use, needs no permission.
        return
    if call.service == "s3":
        yield from _of_s3(call.operation, call.parameters)
    elif call.service == "dynamodb":
        yield from _of_dynamodb(call.operation, call.parameters)
    else:
        name = next((call.parameters[p] for p in _PARAMETERS if p in call.parameters), "")
        yield Permission(_action(call.service, call.operation), *place(str(name)))


def _action(service: str, operation: str) -> str:
    prefix = _PREFIXES.get(service, service)
    return f"{prefix}:{_ACTIONS.get((service, operation), operation)}"


def place(name: str) -> tuple[str, str]:
    """Return the resource that a name means, and the part of it.

    Args:
        name: An ARN, a queue's URL or a bare name. In a template's ARN, references are readable:
            ``<TablesProgress.Arn>/index/work``.
    """
    if name.startswith(("http://", "https://")):
        return name.rpartition("/")[2], ""
    if name.startswith("<"):
        reference, _, within = name.partition("/")
        return reference.replace(".Arn>", ">"), within
    if not name.startswith("arn:"):
        return name, ""
    rest = name.split(":", 5)[5]
    if rest.startswith("execution:"):
        return rest.split(":")[1], EXECUTIONS
    resource, _, within = _KIND.sub("", rest).partition("/")
    return resource, within


def _of_s3(operation: str, parameters: Mapping[str, Any]) -> Iterator[Permission]:
    bucket, key = parameters.get("Bucket", ""), parameters.get("Key", "")
    action = _action("s3", operation)
    if operation in {"CopyObject", "UploadPartCopy"}:
        yield Permission("s3:PutObject", bucket, key)
        yield from _reading(parameters["CopySource"])
    elif action == "s3:GetObject":
        yield from _reading(parameters)
    elif action == "s3:DeleteObject" and "VersionId" in parameters:
        yield Permission("s3:DeleteObjectVersion", bucket, key)
    else:
        yield Permission(action, bucket, key)


def _reading(source: Mapping[str, Any]) -> Iterator[Permission]:
    """Yield the permissions to read an object.

    Without ``s3:ListBucket`` a missing object answers 403, as a forbidden one does.
    """
    versioned = "VersionId" in source
    action = "s3:GetObjectVersion" if versioned else "s3:GetObject"
    yield Permission(action, source["Bucket"], source["Key"])
    yield Permission("s3:ListBucket", source["Bucket"])


def _of_dynamodb(operation: str, parameters: Mapping[str, Any]) -> Iterator[Permission]:
    if operation in {"BatchExecuteStatement", "ExecuteStatement"}:
        for verb, table, index in parameters["Statements"]:
            yield _in_table(f"dynamodb:PartiQL{verb.capitalize()}", table, index)
    elif operation in {"BatchGetItem", "BatchWriteItem"}:
        for table in parameters["RequestItems"]:
            yield Permission(f"dynamodb:{operation}", table)
    elif operation in {"TransactGetItems", "TransactWriteItems"}:
        for kind, table in parameters["TransactItems"]:
            yield Permission(f"dynamodb:{_TRANSACTED[kind]}", table)
    else:
        table, index = parameters.get("TableName", ""), parameters.get("IndexName", "")
        yield _in_table(f"dynamodb:{operation}", table, index)


def _in_table(action: str, table: str, index: str) -> Permission:
    return Permission(action, table, f"index/{index}" if index else "")
