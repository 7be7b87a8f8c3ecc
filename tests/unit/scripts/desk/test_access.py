"""Who may reach the desk, and with what its responses are sent."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from werkzeug.test import Client

from scripts.desk.app import DeskApp
from scripts.desk.serving import listening
from tests.unit.scripts.desk_stage import (
    ACCESS,
    OWN,
    PORT,
    TOKEN,
    Browser,
    DeskStage,
)

REFUSED = [
    ("another token", f"/{'x' * len(TOKEN)}/", {}),
    ("a part of the token", f"/{TOKEN[:-1]}/", {}),
    ("no token", "/", {}),
    ("a token that is not ASCII", "/t\u00f6ken/", {}),
    ("another host, as after DNS rebinding", f"/{TOKEN}/", {"Host": f"evil.example:{PORT}"}),
    ("another port", f"/{TOKEN}/", {"Host": "127.0.0.1:1"}),
    ("another site's page", f"/{TOKEN}/", {"Origin": "https://evil.example"}),
    ("an opaque origin", f"/{TOKEN}/", {"Origin": "null"}),
    ("a picture in another site's page", f"/{TOKEN}/panels/run", {"Sec-Fetch-Site": "cross-site"}),
    ("a page of another port", f"/{TOKEN}/panels/run", {"Sec-Fetch-Site": "same-site"}),
]


@pytest.mark.parametrize(("path", "headers"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_request_without_the_token_is_refused(
    stage: DeskStage, path: str, headers: dict[str, str]
) -> None:
    answer = Client(DeskApp(stage.desk(), ACCESS)).get(path, headers={**OWN, **headers})
    assert answer.status_code == 403
    assert answer.text.startswith("Refused: ")
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_a_form_of_another_site_changes_nothing(stage: DeskStage, headers: dict[str, str]) -> None:
    stage.open_a_run()
    fields = {"action": "pause", "run": "run-2"}
    assert Browser(stage.desk()).post("plans", fields, **headers).status_code == 403


def test_a_form_must_name_its_origin(browser: Browser) -> None:
    without = {name: value for name, value in OWN.items() if name != "Origin"}
    answer = browser.client.post(f"/{TOKEN}/plans", data={"action": "pause"}, headers=without)
    assert answer.status_code == 403


def test_the_page_may_be_opened_from_a_file_or_by_its_address(browser: Browser) -> None:
    for site in ("none", "cross-site"):
        opened = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Host": OWN["Host"]}
        assert browser.client.get(f"/{TOKEN}/", headers=opened).status_code == 200


def test_localhost_is_this_machine_too(browser: Browser) -> None:
    local = {"Host": f"localhost:{PORT}", "Origin": f"http://localhost:{PORT}"}
    assert browser.get("", **local).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("", "desk.css", "desk.js", "report.css", "icon.svg", "panels/run", "explanation?id=a"),
        *("thumbnails?id=a", "absent", "plans/absent", "panels/absent"),
    ],
)
def test_nothing_is_stored_framed_or_run_that_is_not_the_desks(
    finished: DeskStage, path: str
) -> None:
    answer = Browser(finished.desk()).get(path)
    headers = answer.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "Set-Cookie" not in headers
    assert TOKEN.encode() not in answer.data, "the address alone holds the token"
    assert b" style=" not in answer.data
    assert b"<script>" not in answer.data


def test_it_listens_on_loopback_alone(stage: DeskStage) -> None:
    with listening(stage.desk(), 0) as served:
        address = urlsplit(served.address)
        assert served.server.socket.getsockname() == ("127.0.0.1", address.port)
        with listening(stage.desk(), 0) as other:
            tokens = {urlsplit(each.address).path for each in (served, other)}
        assert len(tokens) == 2, "each desk has a token of its own"
        assert all(len(token) > 32 for token in tokens)
