"""The words for a stage's resources, which are the same in its template and once it is deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reindex.settings import ALL_FUNCTIONS, function_name
from scripts.stack import STACK_PREFIX, variable_of
from tests.calls.permissions import Permission, place

#: By the setting that holds the resource's name. Each is an output of the stack.
_WORDS: Final = {
    "progress_table": "progress table",
    "work_table": "work list",
    "runs_table": "run record",
    "run_bucket": "run bucket",
    "reingest_queue_url": "low-priority queue",
    "dead_letter_queue_url": "dead-letter queue",
    "originals_bucket": "originals bucket",
    "thumbnails_bucket": "thumbnails bucket",
    "crops_bucket": "crops bucket",
    "usages_table": "usages table",
    "leases_table": "leases table",
    "collections_table": "collections table",
    "edits_table": "edits table",
    "syndication_table": "syndication table",
    "status_table": "status table",
    "index_rule": "rule of the index phase",
    "check_rule": "rule of the check phase",
    "catch_up_rule": "rule of a migration's rounds",
    "indexer_mapping": "event source mapping of the indexer",
    "projection_function": "function that projects",
    "state_machine_arn": "state machine",
    "audit_machine_arn": "state machine of audits",
    "ingest_bucket": "ingest bucket",
    "failed_bucket": "failed bucket",
    "public_bucket": "public bucket",
    "submissions_table": "submissions table",
    "ingest_queue_url": "ingest queue",
    "high_priority_queue_url": "high-priority queue",
    "ingest_dead_letter_queue_url": "live lane's dead-letter queue",
}

_RUN_BUCKET: Final = _WORDS["run_bucket"]
_STATE_MACHINE: Final = _WORDS["state_machine_arn"]

#: The alarms' topic as the template refers to it.
_TOPIC_REFERENCE: Final = "<MonitoringAlarmsTopic>"


@dataclass(frozen=True, slots=True)
class Resources:
    """The words for the resources of one stage, by their names."""

    words: Mapping[str, str]

    @classmethod
    def of(cls, stage: str, outputs: Mapping[str, str]) -> Resources:
        """Name the resources of a stage.

        Args:
            stage: The stage.
            outputs: Of its stack: the values of a deployment, or the readable ones of a template.
        """
        words = {f"{STACK_PREFIX}{stage}": "stack"}
        topic = function_name(stage, "alarms")  # all names of a stage have one form
        words |= dict.fromkeys((topic, _TOPIC_REFERENCE), "topic of the alarms")
        for function in ALL_FUNCTIONS:
            words[f"/aws/lambda/{function_name(stage, function)}"] = "log groups of the functions"
        values = {variable_of(output).lower(): value for output, value in outputs.items()}
        for setting, word in _WORDS.items():
            if setting in values:
                # A library may use one bucket for several purposes: it gets the first word.
                words.setdefault(place(values[setting])[0], word)
        return cls(words)

    def named(self, permission: Permission) -> str:
        """Return the words for the resource of a permission.

        Objects are named by their bucket, those of the run's bucket by their folder, too:
        ``run bucket: claims/*``. A resource without words keeps its own name.
        """
        resource, within = permission.resource, permission.within
        word = self.words.get(resource, resource)
        if permission.action.startswith("states:SendTask"):
            # AWS checks a token against the state machine that waits for it.
            return _STATE_MACHINE
        if permission.action.startswith("s3:") and within:
            within = f"{within.split('/')[0]}/*" if word == _RUN_BUCKET else "*"
        return f"{word}: {within}" if within else word


def output_of(word: str) -> str:
    """Return the output that holds the name of a resource, without ``Url`` or ``Arn`` at its end.

    Raises:
        KeyError: There is none.
    """
    setting = {word: setting for setting, word in _WORDS.items()}[word]
    return "".join(part.capitalize() for part in setting.split("_") if part not in {"url", "arn"})


def function_of(name: str, stage: str) -> str:
    """Return the short name of a deployed function: ``batch-index``."""
    return name.removeprefix(function_name(stage, ""))


def by_resource(permissions: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Sort actions by the resource that they are on."""
    found: dict[str, set[str]] = {}
    for action, resource in permissions:
        found.setdefault(resource, set()).add(action)
    return {resource: sorted(found[resource]) for resource in sorted(found)}
