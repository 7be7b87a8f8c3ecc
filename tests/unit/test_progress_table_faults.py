"""What the progress table makes of a DynamoDB that throttles, fails and loses answers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from reindex.domain.failures import StoreUnavailable
from reindex.domain.progress import ProgressRow
from reindex.stores import aws, progress_table
from reindex.stores.aws import backoff
from reindex.stores.interfaces.progress_table import Change
from reindex.stores.progress_table import MAX_KEYS, MAX_STATEMENTS, DynamoProgressTable

NOW = 1_795_305_600.0
TABLE = "progress"
PATIENCE = 20.0

Item = dict[str, Any]
Statement = dict[str, Any]


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(aws, "time", clock)
    monkeypatch.setattr(progress_table, "time", clock)
    return clock


@dataclass
class Call:
    """What shall befall one BatchExecuteStatement.

    Attributes:
        errors: Codes in its answer, by id: those statements are not executed, unless they landed.
        landed: Ids whose statement is executed although its code is in ``errors``.
        raises: Comes instead of the answer: nothing is executed, unless ``loses_answer``.
        loses_answer: Every statement is executed, and then the connection breaks.
        retried: The client itself lost an answer to this call, and made it again.
        meanwhile: What others do once the statements are executed.
    """

    errors: Mapping[str, str] = field(default_factory=dict)
    landed: Collection[str] = ()
    raises: str | None = None
    loses_answer: bool = False
    retried: bool = False
    meanwhile: Callable[[], None] = lambda: None


class FaultyDynamoDB:
    """As much of DynamoDB as the table asks for, with a script of faults; then it is sound."""

    def __init__(self, *calls: Call) -> None:
        self.items: dict[str, Item] = {}
        self.batches: list[list[str]] = []
        self.gets: list[list[str]] = []
        self.unprocessed: Iterator[int] = iter(())
        self._calls = iter(calls)
        self._lock = Lock()

    def table(self) -> DynamoProgressTable:
        return DynamoProgressTable(cast("Any", self), TABLE, patience=PATIENCE)

    def batch_execute_statement(self, *, Statements: list[Statement]) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            call = next(self._calls, Call())
            ids = [_id_of(statement) for statement in Statements]
            self.batches.append(ids)
            if call.raises:
                raise ClientError({"Error": {"Code": call.raises}}, "BatchExecuteStatement")
            for _ in range(1 + call.retried):
                responses = [
                    self._judge(statement, call.errors.get(image_id), image_id in call.landed)
                    for image_id, statement in zip(ids, Statements, strict=True)
                ]
            call.meanwhile()
            if call.loses_answer:
                raise ReadTimeoutError(endpoint_url="https://dynamodb")
            attempts = int(call.retried)
            return {"Responses": responses, "ResponseMetadata": {"RetryAttempts": attempts}}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            request = RequestItems[TABLE]
            assert request["ConsistentRead"]
            ids = [key["id"]["S"] for key in request["Keys"]]
            self.gets.append(ids)
            answered = len(ids) - next(self.unprocessed, 0)
            left = [{"id": {"S": image_id}} for image_id in ids[answered:]]
            return {
                "Responses": {
                    TABLE: [self.items[i] for i in ids[:answered] if i in self.items],
                },
                "UnprocessedKeys": {TABLE: {"Keys": left}} if left else {},
            }

    def _judge(self, statement: Statement, error: str | None, landed: bool) -> dict[str, Any]:  # noqa: FBT001
        refusal = self._execute(statement) if error is None or landed else None
        code = error or refusal
        return {"Error": {"Code": code, "Message": "as told"}} if code else {}

    def _execute(self, statement: Statement) -> str | None:
        text, values = statement["Statement"], iter(statement["Parameters"])
        if text.startswith("INSERT"):
            item = dict(zip(re.findall(r"'(\w+)': \?", text), values, strict=True))
            if item["id"]["S"] in self.items:
                return "DuplicateItem"
            self.items[item["id"]["S"]] = item
            return None
        changed = {name: next(values) for name in re.findall(r'SET "(\w+)"=\?', text)}
        image_id, state, rev = values
        before = self.items.get(image_id["S"], {})
        if (before.get("state"), before.get("rev")) != (state, rev):
            return "ConditionalCheckFailed"
        removed = re.findall(r'REMOVE "(\w+)"', text)
        after = {**before, **changed}
        self.items[image_id["S"]] = {n: v for n, v in after.items() if n not in removed}
        return None


def _id_of(statement: Statement) -> str:
    is_insert = statement["Statement"].startswith("INSERT")
    image_id: str = statement["Parameters"][0 if is_insert else -3]["S"]
    return image_id


def rows(count: int) -> list[ProgressRow]:
    return [ProgressRow.new(f"image-{n}", "upload-1", NOW) for n in range(count)]


def enqueued(before: ProgressRow, digest: str = "ours") -> ProgressRow:
    return before.enqueued(digest=digest, created=False, run_id="run-1", check_at=NOW, now=NOW)


def changes(befores: list[ProgressRow]) -> list[Change]:
    return [Change(before, enqueued(before)) for before in befores]


def filled(befores: list[ProgressRow], *calls: Call) -> FaultyDynamoDB:
    """A table that holds these rows, before the faults begin."""
    sound = FaultyDynamoDB()
    sound.table().insert(befores)
    faulty = FaultyDynamoDB(*calls)
    faulty.items = sound.items
    return faulty


def gives_up(reason: str) -> AbstractContextManager[Any]:
    return pytest.raises(StoreUnavailable, match=f"^DynamoDB: .*{reason}")


PASSING = (
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingError",
    "TransactionConflict",
)


@pytest.mark.parametrize("code", PASSING)
def test_a_throttle_inside_an_answer_is_retried_alone(code: str) -> None:
    befores = rows(3)
    dynamodb = filled(befores, Call(errors={"image-1": code}), Call(errors={"image-1": code}))
    assert dynamodb.table().write(changes(befores)) == {"image-0", "image-1", "image-2"}
    assert dynamodb.batches == [["image-0", "image-1", "image-2"], ["image-1"], ["image-1"]]
    assert dynamodb.table().read(["image-1"]).rows == {"image-1": enqueued(befores[1])}


@pytest.mark.parametrize("code", PASSING)
def test_a_throttled_insert_is_retried(code: str) -> None:
    dynamodb = FaultyDynamoDB(Call(errors={"image-1": code}))
    assert dynamodb.table().insert(rows(2)) == {"image-0", "image-1"}


def test_a_throttle_that_does_not_pass_is_no_conflict_but_a_failure(clock: Clock) -> None:
    befores = rows(2)
    throttle = Call(errors={"image-1": "ThrottlingError"})
    dynamodb = filled(befores, *itertools.repeat(throttle, 10_000))
    with gives_up("ThrottlingError"):
        dynamodb.table().write(changes(befores))
    assert PATIENCE - 2 <= clock.now <= PATIENCE
    assert len(dynamodb.batches) > 5


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_a_call_throttled_as_a_whole_is_retried(code: str) -> None:
    befores = rows(2)
    dynamodb = filled(befores, Call(raises=code), Call(raises=code))
    assert dynamodb.table().write(changes(befores)) == {"image-0", "image-1"}


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_call_that_is_refused_is_not_retried(code: str) -> None:
    dynamodb = FaultyDynamoDB(Call(raises=code))
    with gives_up(f"BatchExecuteStatement: {code}"):
        dynamodb.table().insert(rows(2))
    assert len(dynamodb.batches) == 1


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied"])
def test_a_statement_that_is_refused_is_named_and_not_retried(code: str) -> None:
    dynamodb = FaultyDynamoDB(Call(errors={"image-0": code}))
    with gives_up(f"BatchExecuteStatement: {code}: as told"):
        dynamodb.table().insert(rows(2))
    assert len(dynamodb.batches) == 1


def test_a_conflict_on_a_clear_answer_is_believed_without_a_read() -> None:
    befores = rows(2)
    dynamodb = filled(befores)
    dynamodb.table().write(changes(befores[:1]))
    assert dynamodb.table().write(changes(befores)) == {"image-1"}
    assert dynamodb.table().insert(befores) == set()
    assert dynamodb.gets == []


LOST = (
    Call(loses_answer=True),
    Call(retried=True),
    Call(
        errors={"image-0": "InternalServerError", "image-1": "InternalServerError"},
        landed=["image-0", "image-1"],
    ),
)


@pytest.mark.parametrize("call", LOST, ids=["broken", "by-the-client", "in-part"])
def test_a_write_whose_answer_was_lost_is_recognised(call: Call) -> None:
    befores = rows(2)
    dynamodb = filled(befores, call)
    assert dynamodb.table().write(changes(befores)) == {"image-0", "image-1"}
    assert [sorted(ids) for ids in dynamodb.gets] == [["image-0", "image-1"]]


@pytest.mark.parametrize("call", LOST, ids=["broken", "by-the-client", "in-part"])
def test_an_insert_whose_answer_was_lost_is_recognised(call: Call) -> None:
    dynamodb = FaultyDynamoDB(call)
    assert dynamodb.table().insert(rows(2)) == {"image-0", "image-1"}


def test_a_conflict_behind_a_lost_answer_is_not_taken_for_the_own_write() -> None:
    befores = rows(2)
    theirs = enqueued(befores[0], digest="theirs")
    dynamodb = filled([theirs, befores[1]], Call(loses_answer=True))
    assert dynamodb.table().write(changes(befores)) == {"image-1"}
    assert dynamodb.table().read(["image-0"]).rows == {"image-0": theirs}


def test_a_row_that_existed_is_not_counted_as_inserted_behind_a_lost_answer() -> None:
    befores = rows(2)
    another = replace(befores[0], upload="upload-0")
    dynamodb = filled([another], Call(loses_answer=True))
    assert dynamodb.table().insert(befores) == {"image-1"}


def test_an_insert_is_ours_even_if_the_row_has_moved_since() -> None:
    befores = rows(2)
    others = FaultyDynamoDB()
    moves = Call(loses_answer=True, meanwhile=lambda: _move_on(others, befores))
    dynamodb = FaultyDynamoDB(moves)
    others.items = dynamodb.items
    assert dynamodb.table().insert(befores) == {"image-0", "image-1"}
    assert dynamodb.items["image-0"]["state"] == {"S": "enqueued"}


def _move_on(others: FaultyDynamoDB, befores: list[ProgressRow]) -> None:
    assert len(others.table().write(changes(befores))) == len(befores)


def test_a_write_that_never_landed_is_made_again() -> None:
    befores = rows(2)
    dynamodb = filled(befores, Call(raises="InternalServerError"))
    assert dynamodb.table().write(changes(befores)) == {"image-0", "image-1"}
    assert dynamodb.gets == []


def test_batches_keep_to_the_limits_of_the_service() -> None:
    befores = rows(260)
    dynamodb = FaultyDynamoDB()
    table = dynamodb.table()
    assert len(table.insert(befores)) == 260
    assert len(table.write(changes(befores))) == 260
    assert len(table.read([row.id for row in befores]).rows) == 260
    assert max(map(len, dynamodb.batches)) == MAX_STATEMENTS == 25
    assert max(map(len, dynamodb.gets)) == MAX_KEYS == 100


def test_one_batch_that_fails_fails_the_call() -> None:
    befores = rows(100)
    dynamodb = filled(befores, Call(), Call(raises="AccessDeniedException"))
    with gives_up("AccessDenied"):
        dynamodb.table().write(changes(befores))


def test_keys_left_unprocessed_are_read_again() -> None:
    befores = rows(10)
    dynamodb = filled(befores)
    dynamodb.unprocessed = iter([10, 6])
    assert set(dynamodb.table().read([row.id for row in befores]).rows) == {
        row.id for row in befores
    }
    assert [len(ids) for ids in dynamodb.gets] == [10, 10, 6]


def test_keys_that_stay_unprocessed_are_a_failure_not_absent_rows(clock: Clock) -> None:
    dynamodb = filled(rows(1))
    dynamodb.unprocessed = itertools.repeat(1)
    with gives_up("unprocessed"):
        dynamodb.table().read(["image-0"])
    assert clock.now <= PATIENCE


def test_pauses_grow_to_a_bound_and_end_in_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    assert list(backoff(1, first=0.1, longest=0.3)) == [0, 1, 2, 3, 4]
    assert clock.pauses == pytest.approx([0.1, 0.2, 0.3, 0.3])


def test_without_patience_there_is_one_attempt() -> None:
    assert list(backoff(-1)) == [0]
