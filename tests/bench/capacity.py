"""Counts what a store's calls consume of DynamoDB: a client that asks for it and adds it up.

DynamoDB Local says nothing of what PartiQL consumes, and DynamoDB charges a statement as the
call that it represents. So each statement of a batch is made as that call here, translated from the
very text and parameters that the store sends: an INSERT as the PutItem, an UPDATE as the
UpdateItem, under the same condition.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError
from botocore.model import OperationModel

from reindex.stores.aws import error_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WRITES = {"PutItem", "UpdateItem"}

_INSERT = re.compile(r"INSERT INTO \"([^\"]+)\" VALUE \{(.*)\}")
_MEMBER = re.compile(r"'(\w+)': \?")
_UPDATE = re.compile(r"UPDATE \"([^\"]+)\" (.*) WHERE (.*)")
_SET = re.compile(r"SET \"(\w+)\"=\?")
_REMOVE = re.compile(r"REMOVE \"(\w+)\"")
_EQUALS = re.compile(r"\"(\w+)\"=\?")


@dataclass(frozen=True, slots=True)
class Use:
    """What units were used for.

    Attributes:
        table: Its name.
        index: Of the table; empty for the table itself.
        writes: Whether they are write units.
    """

    table: str
    index: str
    writes: bool


class MeteredClient:
    """A client of DynamoDB that counts units.

    Args:
        client: Its calls are watched from now on.

    Attributes:
        used: Units so far.
    """

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self.used: Counter[Use] = Counter()
        handlers: dict[str, Callable[..., Any]] = {
            "provide-client-params": _ask,
            "after-call": self._add,
        }
        for event, handler in handlers.items():
            client.meta.events.register(f"{event}.dynamodb", handler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def as_client(self) -> DynamoDBClient:
        """Itself, for a store."""
        return cast("DynamoDBClient", self)

    def batch_execute_statement(self, *, Statements: Sequence[Mapping[str, Any]]) -> Any:  # noqa: N803
        """Make each statement as the call that it represents."""
        responses = [self._execute(s["Statement"], list(s["Parameters"])) for s in Statements]
        return {"Responses": responses, "ResponseMetadata": {}}

    def _execute(self, text: str, parameters: list[Any]) -> Mapping[str, Any]:
        try:
            if insert := _INSERT.fullmatch(text):
                table, members = insert.groups()
                names = _MEMBER.findall(members)
                self._client.put_item(
                    TableName=table,
                    Item=dict(zip(names, parameters, strict=True)),
                    ConditionExpression="attribute_not_exists(id)",
                )
                return {}
            if update := _UPDATE.fullmatch(text):
                table, clauses, where = update.groups()
                self._update(table, clauses, where, parameters)
                return {}
        except ClientError as error:
            return {"Error": {"Code": error_code(error).removesuffix("Exception")}}
        raise ValueError(f"a statement of another kind: {text}")

    def _update(self, table: str, clauses: str, where: str, parameters: list[Any]) -> None:
        sets, removes = _SET.findall(clauses), _REMOVE.findall(clauses)
        expected = _EQUALS.findall(where)
        names = [*sets, *removes, *expected]
        values = dict(zip([*sets, *(f"was_{name}" for name in expected)], parameters, strict=True))
        key = {"id": values.pop("was_id")}
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
        if removes:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removes)
        conditions = [name for name in expected if name != "id"]
        self._client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression=expression,
            ConditionExpression=" AND ".join(f"#{name} = :was_{name}" for name in conditions),
            ExpressionAttributeNames={f"#{name}": name for name in names if name != "id"},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def _add(self, parsed: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        for one in consumed if isinstance(consumed, list) else [consumed]:
            shares = {"": one.get("Table", {})} | one.get("GlobalSecondaryIndexes", {})
            for index, share in shares.items():
                use = Use(one["TableName"], index, model.name in _WRITES)
                self.used[use] += share.get("CapacityUnits", 0)


def _ask(params: dict[str, Any], model: OperationModel, **_: Any) -> dict[str, Any]:
    if model.input_shape and "ReturnConsumedCapacity" in model.input_shape.members:
        params["ReturnConsumedCapacity"] = "INDEXES"
    return params
