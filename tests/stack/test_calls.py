"""Functions are allowed to make the calls that are recorded, and no others."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from cdk.bundling import Asset
from cdk.stage_loading import load
from tests.calls import operators
from tests.calls.policies import Policies, Statement
from tests.calls.record import Record, pairs, verb_of, verbs
from tests.calls.uncalled import UNCALLED, UNWALKED
from tests.stack import templates


@pytest.fixture(scope="module")
def record() -> Record:
    return Record.read()


@pytest.fixture(scope="module")
def policies(asset: Asset) -> Policies:
    """Of the stage that the record was made on."""
    entry = templates.CDK_JSON["context"]["stages"]["TEST"]
    ingest = {"follow": {"crops": True}}
    settings = load({"TEST": {**entry, "ingest": ingest}}, "TEST")
    return Policies.of(templates.synthesize(settings, asset).template, "TEST")


def test_a_deny_wins_and_a_pattern_allows_no_more_than_it_matches() -> None:
    policies = Policies(
        {
            "f": (
                Statement(True, ("s3:Get*",), ("bucket: a/*", "bucket: b/*"), ()),
                Statement(False, ("s3:GetObject",), ("bucket: b/*",), ()),
                Statement(True, ("s3:PutObject",), ("bucket: *",), ("aws:SourceVpc",)),
            )
        }
    )
    assert policies.allow("f", "s3:GetObject", "bucket: a/*")
    assert not policies.allow("f", "s3:GetObject", "bucket: b/*")
    assert not policies.allow("f", "s3:GetObject", "bucket: c/*")
    assert not policies.allow("f", "s3:PutObject", "bucket: a/*"), "its condition is not known"


def test_every_function_is_in_the_record(record: Record, policies: Policies) -> None:
    assert record.functions.keys() == policies.statements.keys()


def test_whatever_a_function_calls_is_allowed(record: Record, policies: Policies) -> None:
    refused = [
        (function, action, resource)
        for function, resource, action in pairs(record.functions)
        if not policies.allow(function, action, resource)
    ]
    assert refused == []


def uncalled(record: Record, policies: Policies) -> set[tuple[str, str, str]]:
    """Return the permissions that functions have and do not use."""
    calls = list(pairs(record.functions))
    return {
        (function, action, resource)
        for function in policies.statements
        for action, resource in policies.allowed(function)
        if not any(
            caller == function and fnmatchcase(called, action) and fnmatchcase(place, resource)
            for caller, place, called in calls
        )
    }


def test_whatever_a_function_is_allowed_is_called_or_has_its_reason(
    record: Record, policies: Policies
) -> None:
    unexplained = {
        permission
        for permission in uncalled(record, policies)
        if not any(known.covers(*permission) for known in UNCALLED)
    }
    assert unexplained == set()


def test_no_reason_is_given_for_what_is_called_or_not_allowed(
    record: Record, policies: Policies
) -> None:
    found = uncalled(record, policies)
    idle = [known for known in UNCALLED if not any(known.covers(*each) for each in found)]
    assert idle == []


def test_conditions_are_those_that_the_evaluation_knows(policies: Policies) -> None:
    # Of the Deny that refuses scans: an Allow with a condition would be taken for none.
    assert policies.conditions() == {"dynamodb:FullTableScan"}


def test_every_verb_is_in_the_record_or_has_its_reason(record: Record) -> None:
    assert {*record.verbs, *UNWALKED} == {*verbs()}
    assert not record.verbs.keys() & UNWALKED.keys()


def test_the_page_says_what_each_verb_needs(record: Record) -> None:
    text = operators.PAGE.read_text(encoding="utf-8")
    assert text == operators.page(text, record), "python -m tests.calls.operators"


@pytest.mark.parametrize(
    ("command_line", "verb"),
    [
        ("/bin/reindex status", "status"),
        ("/bin/reindex --stage TEST migrate start --mapping start", "migrate start"),
        ("/bin/reindex runs --json", "runs"),
        ("/bin/reindex runs compare A B", "runs compare"),
        ("/bin/reindex explain compare", "explain"),
        ("/bin/pytest status", None),
        ("/bin/reindex --help", None),
    ],
)
def test_the_verb_of_a_command_line(command_line: str, verb: str | None) -> None:
    assert verb_of(command_line.split()) == verb
