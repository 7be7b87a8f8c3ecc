import json
from dataclasses import fields
from typing import Any

import pytest

from cdk.stage_loading import load
from cdk.stage_settings import StageSettings
from cdk.stage_values import TUNABLE, loader_pace, phase_rules, texts, tuned
from reindex.settings import COMMAND, LibrarySettings, Settings, SettingsError, variables
from tests.stack.templates import EXAMPLE, example_stage, sample_stage

LEAST = {
    "elasticsearch_url": "http://es",
    "index_alias": "images",
    "library": {"originals_bucket": "originals"},
}


LOADER = {"kind": "service", "url": "https://loader.example/images/project/{id}"}


#: Layouts that cannot be, and why not.
LAYOUTS: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"original_key": "originals/"},
        "library.original_key: 'originals/' holds no {id}: all images would have one key",
    ),
    (
        {"thumbnail_key": "{name}.jpg/{id}"},
        (
            "library.thumbnail_key: '{name}.jpg/{id}': a place is {id}, {id[0:2]}, {id[2:]} or "
            "{id[:6]/}"
        ),
    ),
    (
        {"crops_folder": "crops/{id}"},
        (
            "library.crops_folder must end with a character that is in no id, such as a slash: "
            "else one image's crops might be another's"
        ),
    ),
    (
        {"thumbnails_bucket": "o"},
        "library.thumbnail_key: its keys might be those of originals, in the same bucket",
    ),
    (
        {"optimised_pngs": True, "optimised_png_key": "{id}"},
        "library.optimised_png_key: its keys might be those of originals, in the same bucket",
    ),
)


def refusal(entry: Any, overrides: str | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load({"X": entry}, "X", overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


DOMAIN = "arn:aws:es:eu-west-1:111122223333:domain/images"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"index": {"engine": "solr"}}, "index.engine must be one of elasticsearch, opensearch"),
        ({"index": {"domain": "images"}}, "index.domain is no ARN of a domain"),
        (
            {"index": {"engine": "elasticsearch", "domain": DOMAIN}},
            "index.domain is for OpenSearch",
        ),
        (
            {"index": {"domain": DOMAIN}, "elasticsearch_secret": "arn:of-the-secret"},
            "either index.domain",
        ),
        (
            {"index": {"other_cluster": {"url": "http://es/"}}},
            "index.other_cluster.url is that of the stage's own cluster",
        ),
        (
            {"index": {"other_cluster": {"url": "https://name:password@new.example"}}},
            "index.other_cluster.url: https://name:password@new.example is no URL of a cluster",
        ),
        (
            {"index": {"other_cluster": {"url": "https://new.example", "engine": "solr"}}},
            "index.other_cluster.engine must be one of",
        ),
        (
            {
                "index": {
                    "other_cluster": {
                        "url": "https://new.example",
                        "domain": DOMAIN,
                        "secret": "arn:of-the-secret",
                    }
                }
            },
            "or index.other_cluster.secret, not both",
        ),
    ],
)
def test_an_index_that_cannot_be_asked_is_refused(entry: dict[str, Any], problem: str) -> None:
    assert problem in refusal({**LEAST, **entry})


def test_the_example_has_every_setting_there_is() -> None:
    assert EXAMPLE.keys() == {f.name for f in fields(StageSettings)} - {"stage"}
    assert EXAMPLE["library"].keys() == {f.name for f in fields(LibrarySettings)}
    assert EXAMPLE["tuning"].keys() == TUNABLE.keys()
    assert example_stage().stage == "PROD"


@pytest.mark.parametrize(
    "layout",
    [
        {"thumbnails_bucket": "o", "thumbnail_key": "small/{id}"},
        {"thumbnails_bucket": "o", "original_key": "{id}.tif", "thumbnail_key": "{id}.jpg"},
        {"crops_bucket": "o", "crops_folder": "{id[0:2]}/{id}/crops-"},
    ],
)
def test_all_in_one_bucket(layout: dict[str, Any]) -> None:
    load({"X": {**LEAST, "library": {"originals_bucket": "o", **layout}}}, "X")


def test_what_may_be_tuned_and_what_may_not() -> None:
    assert {"workers", "settle_seconds", "preserve", "tally_segments"} <= TUNABLE.keys()
    assert not TUNABLE.keys() & {"stage", "progress_table", "elasticsearch_secret", "usages_table"}


def test_the_least_an_entry_may_say() -> None:
    settings = load({"X": LEAST}, "X")
    assert settings.library == LibrarySettings(originals_bucket="originals")
    assert not settings.disposable
    assert phase_rules(settings).workers == 1


def test_the_sample_library() -> None:
    assert sample_stage().library is None


def test_overrides_are_laid_over_the_entry() -> None:
    settings = load(
        {"X": {**LEAST, "tuning": {"workers": 4}}},
        "X",
        json.dumps({"index_alias": "other", "tuning": {"settle_seconds": 0}}),
    )
    assert settings.index_alias == "other"
    assert tuned(settings)["workers"] == 4
    assert tuned(settings)["settle_seconds"] == 0


def test_values_reach_the_functions_as_they_were_written() -> None:
    settings = load({"X": {**LEAST, "tuning": {"preserve": ["a", "b.c"], "workers": 5}}}, "X")
    environ = {name: "-" for name, required in variables(COMMAND).items() if required}
    read = Settings(COMMAND, environ | texts(tuned(settings)))
    values = {f.name: getattr(read[group], f.name) for group in COMMAND for f in fields(group)}
    assert values["preserve"] == ("a", "b.c")
    assert values["workers"] == 5
    assert texts({"optimised_pngs": True, "none": None}) == {"OPTIMISED_PNGS": "true"}


@pytest.mark.parametrize(
    ("stages", "stage", "message"),
    [
        (None, "X", "unknown stage 'X': cdk.json knows none"),
        ({"A": LEAST, "B": LEAST}, "X", "unknown stage 'X': cdk.json knows A, B"),
        ({"A": LEAST}, None, "say which stage: -c stage=NAME; cdk.json knows A"),
        ({"A": "text"}, "A", "unknown stage 'A': cdk.json knows A"),
    ],
)
def test_unknown_stage(stages: Any, stage: str | None, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(stages, stage)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "stage X: unknown setting colour"),
        ({"index_alias": 7}, "stage X: index_alias must be a text, not 7"),
        ({"disposable": "yes"}, 'stage X: disposable must be true or false, not "yes"'),
        (
            {"indexer_batch_size": True},
            "stage X: indexer_batch_size must be a whole number, not true",
        ),
        ({"library_keys": "arn"}, "stage X: library_keys must be a list of texts"),
        (
            {"projection": {"tag_names": "latin"}},
            "stage X: projection.tag_names must be one of standard, metadata-extractor",
        ),
        ({"projection": {"tags": "standard"}}, "stage X: projection: unknown setting tags"),
        ({"tuning": []}, "stage X: tuning must be an object, not []"),
        ({"library": "mine"}, 'stage X: library must be an object, not "mine"'),
        ({"library": None}, "stage X: library is missing"),
        ({"library": {}}, "stage X: library: originals_bucket is missing"),
        ({"library": {"originals_bucket": "o", "x": 1}}, "stage X: library: unknown setting x"),
        *(
            ({"library": {"originals_bucket": "o", **layout}}, f"stage X: {message}")
            for layout, message in LAYOUTS
        ),
        (
            {"projection": {"processors": ["strip"]}},
            (
                "stage X: projection.processors: there is no processor strip: strip_copyright, "
                "split_byline_credit, join_initials, title_case_names, country_names, "
                "drop_repeated_title, drop_placeholder_locations, rights, FILE:FUNCTION"
            ),
        ),
        (
            {"projection": {"processors": ["docs/examples/ours.py:other"]}},
            (
                "stage X: projection.processors: docs/examples/ours.py:other: "
                "docs/examples/ours.py has no function other"
            ),
        ),
        (
            {"projection": {"rights": "docs/examples/ours.py"}},
            (
                "stage X: projection.processors: docs/examples/ours.py: it is no JSON: Extra "
                "data: line 1 column 3 (char 2)"
            ),
        ),
        (
            {
                "projection": {
                    "processors": ["country_names"],
                    "function": "arn:aws:lambda:eu-west-1:111122223333:function:theirs",
                }
            },
            "stage X: projection: processors and rights are for our own reading of originals",
        ),
        (
            {
                "library": {"originals_bucket": "o", "original_key": "{id[0:8]}"},
                "schedule": {"expression": "cron(0 18 1 * ? *)", "source": {"kind": "bucket"}},
            },
            (
                "stage X: schedule.source: the bucket cannot be listed for ids, for "
                "library.original_key does not say the whole id"
            ),
        ),
        ({"network": {"subnets": []}}, "stage X: network: security_groups is missing"),
        (
            {"network": {"subnets": ["s"], "security_groups": ["g"], "endpoints": True}},
            "stage X: network.endpoints needs network.vpc",
        ),
        ({"tuning": {"speed": 1}}, "stage X: unknown setting tuning.speed"),
        ({"tuning": {"workers": "many"}}, "stage X: tuning: WORKERS cannot be read: 'many'"),
        ({"tuning": {"workers": 6}}, "stage X: tuning.workers must be one of 1, 2, 3, 4, 5"),
        (
            {"tuning": {"tick_seconds": 90}},
            ("stage X: tuning.function_seconds must be from tuning.tick_seconds + 55 to 900"),
        ),
        (
            {"tuning": {"live_queue_url": "ingestion"}},
            "stage X: tuning.live_queue_url is no URL of an SQS queue",
        ),
        (
            {"reserved_concurrency": {"nobody": 1}},
            "stage X: unknown function reserved_concurrency.nobody",
        ),
        (
            {"log_retention_days": 8},
            "stage X: log_retention_days must be one of 1, 3, 7, 14, 30, 60, 90, 180, 365",
        ),
        (
            {"indexer_window_seconds": 0},
            "stage X: indexer_batch_size over 10 needs indexer_window_seconds",
        ),
        (
            {"schedule": {"expression": "monthly", "source": {"kind": "moon"}}},
            (
                "stage X: schedule.expression is no cron(…) as EventBridge takes it; "
                "schedule: source.kind must be one of table, bucket, index, file"
            ),
        ),
        (
            {"schedule": {"expression": "rate(30 days)", "source": {"kind": "bucket"}}},
            (
                "stage X: schedule.expression: a rate counts from each deployment, and may fire "
                "with it: use cron(…)"
            ),
        ),
        (
            {"schedule": {"source": {"kind": "bucket"}}},
            "stage X: schedule: expression is missing",
        ),
        (
            {"schedule": {"expression": "rate(30 days)", "source": {"type": "bucket"}}},
            "stage X: schedule: source: unknown setting type",
        ),
        ({"indexer_concurrency": 1}, "stage X: indexer_concurrency must be from 2 to 1000"),
        (
            {"alarm_subscribers": ["on-call"]},
            "stage X: alarm_subscribers: 'on-call' is no e-mail address",
        ),
        (
            {"projection": {"loader": {"kind": "service"}}},
            "stage X: projection: loader: url is missing",
        ),
        (
            {"projection": {"loader": {"kind": "socket", "url": "ftp://x/{id}", "secret": "s"}}},
            (
                "stage X: projection.loader.kind must be service; projection.loader.url must be an "
                "http(s) URL with one {id} in its path, and no credentials; "
                "projection.loader.secret needs projection.loader.header; "
                "projection.loader.secret is no ARN"
            ),
        ),
        (
            {"projection": {"loader": {**LOADER, "url": "https://user:word@x/{id}"}}},
            (
                "stage X: projection.loader.url must be an http(s) URL with one {id} in its path, "
                "and no credentials"
            ),
        ),
        (
            {"projection": {"loader": {**LOADER, "concurrency": 0, "timeout_seconds": 26}}},
            (
                "stage X: projection.loader.concurrency must be from 1 to 1000; "
                "projection.loader.timeout_seconds must be from 1 to 25"
            ),
        ),
        (
            {"projection": {"loader": LOADER, "function": "image-projection"}},
            (
                "stage X: projection: either loader or function, not both; "
                "projection.function is no ARN of a function"
            ),
        ),
        (
            {"projection": {"mapping": "no/such.json"}},
            "stage X: projection.mapping: there is no file no/such.json",
        ),
        ({"alarm_failure_percent": 0}, "stage X: alarm_failure_percent must be from 1 to 100"),
    ],
)
def test_a_wrong_entry_is_one_clear_line(change: Any, message: str) -> None:
    assert refusal({**LEAST, **change}) == message


def test_everything_missing_or_unknown_is_named_at_once() -> None:
    assert refusal({"library": "sample", "a": 1, "b": 2}) == (
        "stage X: unknown setting a; unknown setting b; "
        "elasticsearch_url is missing; index_alias is missing"
    )


def test_a_stage_whose_name_no_bucket_could_bear() -> None:
    with pytest.raises(SettingsError, match="its name must match"):
        load({"a_b": LEAST}, "a_b")


@pytest.mark.parametrize("overrides", ["{", "[]"])
def test_overrides_that_are_no_object(overrides: str) -> None:
    assert refusal(LEAST, overrides).startswith("overrides are not")


@pytest.mark.parametrize(
    ("concurrency", "workers", "calls", "requests"),
    [(8, 1, 1, 8), (64, 2, 2, 16), (1_000, 1, 32, 31), (3, 5, 1, 1), (20, 1, 2, 10)],
)
def test_a_loaders_concurrency_is_that_of_all_workers_together(
    concurrency: int, workers: int, calls: int, requests: int
) -> None:
    loader = {**LOADER, "concurrency": concurrency}
    entry = {**LEAST, "projection": {"loader": loader}, "tuning": {"workers": workers}}
    assert loader_pace(load({"X": entry}, "X")) == (calls, requests)
    assert workers * calls * requests <= max(concurrency, workers)
