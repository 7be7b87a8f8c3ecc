"""Finds a deployed stack by its stage, and reads its settings from its outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from reindex.domain.failures import InternalFailure
from reindex.settings import COMMAND, INGEST_COMMAND, variables
from reindex.stores.aws import CLIENT_CONFIG, error_code, unavailable
from reindex.wiring import Wiring

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import OutputTypeDef

#: Prefix of the names of the product's stacks; the stage follows.
STACK_PREFIX = "image-reindex-"

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class NoSuchStack(InternalFailure):
    """No stack is deployed for the stage."""


def open_stack(stage: str) -> Wiring:
    """Everything the command works with, on the stack of a stage.

    Raises:
        NoSuchStack: There is none.
        SettingsError: Its outputs lack a setting: it was deployed by another version.
        StoreUnavailable: CloudFormation does not answer.
    """
    client = boto3.client("cloudformation", config=CLIENT_CONFIG)
    environment = stack_environment(client, stage)
    return Wiring(environment, command_groups(environment), measures=False)


def command_groups(environment: Mapping[str, str]) -> tuple[type, ...]:
    """Return the groups of settings that the command reads, given those of a stack."""
    has_ingest = next(iter(variables(INGEST_COMMAND))) in environment
    return (*COMMAND, *INGEST_COMMAND) if has_ingest else COMMAND


def stack_environment(client: CloudFormationClient, stage: str) -> dict[str, str]:
    """Return a stack's outputs, under the names of the environment variables they are.

    The stack is the whole truth: this machine's own environment variables count for nothing.

    Raises:
        NoSuchStack: There is none.
        StoreUnavailable: CloudFormation does not answer.
    """
    name = f"{STACK_PREFIX}{stage}"
    with unavailable("CloudFormation"):
        try:
            [stack] = client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error_code(error) != "ValidationError":
                raise
            region = client.meta.region_name
            raise NoSuchStack(
                f"no stack {name} in {region}: is it the right stage, account and region?"
            ) from error
    return environment_of(stack.get("Outputs", []))


def environment_of(outputs: Iterable[OutputTypeDef]) -> dict[str, str]:
    """Return outputs by variable: ``ProgressTable`` is ``PROGRESS_TABLE``."""
    return {variable_of(output["OutputKey"]): output["OutputValue"] for output in outputs}


def variable_of(output_key: str) -> str:
    """Return the environment variable of an output."""
    return _WORD.sub("_", output_key).upper()
