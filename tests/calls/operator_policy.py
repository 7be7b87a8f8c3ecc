"""Makes the least IAM policy for some verbs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.calls.permissions import EXECUTIONS
from tests.calls.record import DOES_WHAT_OTHERS_DO, Record, pairs
from tests.calls.resources import output_of

#: The part of an ARN before the name of the resource, by service.
_KINDS: Final = {
    "dynamodb": "table/",
    "events": "rule/",
    "lambda": "function:",
    "s3": "",
    "sqs": "",
    "states": "stateMachine:",
}

#: Resources that no output names, and those whose ARN has another form than their service's.
_SPECIAL: Final = {
    "stack": "arn:aws:cloudformation:*:*:stack/image-reindex-${STAGE}/*",
    "log groups of the functions": (
        "arn:aws:logs:*:*:log-group:/aws/lambda/image-reindex-${stage}-*"
    ),
    "event source mapping of the indexer": (
        "arn:aws:lambda:*:*:event-source-mapping:${IndexerMapping}"
    ),
}


def policy(record: Record, verbs: Iterable[str]) -> Mapping[str, Any]:
    """Return the least policy for some verbs.

    Args:
        record: What they call.
        verbs: Such as ``migrate start``.

    Returns:
        A policy as IAM takes it, once the name in each output ``${…}`` of the stack is filled in.
    """
    resources: dict[str, set[str]] = {}
    called = {other for verb in verbs for other in DOES_WHAT_OTHERS_DO.get(verb, (verb,))}
    for _, resource, action in pairs({verb: record.verbs[verb] for verb in sorted(called)}):
        resources.setdefault(_arn(action, resource), set()).add(action)
    # One statement for all resources with the same actions.
    by_actions: dict[tuple[str, ...], list[str]] = {}
    for arn in sorted(resources):
        by_actions.setdefault(tuple(sorted(resources[arn])), []).append(arn)
    statements = [
        {"Effect": "Allow", "Action": [*actions], "Resource": arns}
        for actions, arns in sorted(by_actions.items())
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _arn(action: str, resource: str) -> str:
    if resource in _SPECIAL:
        return _SPECIAL[resource]
    service = action.partition(":")[0]
    name, _, within = resource.partition(": ")
    output = f"${{{output_of(name)}}}"
    if within == EXECUTIONS:
        return f"arn:aws:states:*:*:execution:{output}:*"
    where = ":" if service == "s3" else "*:*"
    arn = f"arn:aws:{service}:{where}:{_KINDS[service]}{output}"
    return f"{arn}/{within}" if within else arn
