"""A stage in memory with a live lane, and the desk over it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image
from werkzeug.test import Client, TestResponse

from reindex.domain.audit import Counted, Shrunk
from reindex.domain.audit_classes import ImageClass
from reindex.domain.failures import NotAnImage, SourceUnavailable
from reindex.domain.states import Phase
from reindex.domain.submissions import SubmissionRow, SubmissionState
from reindex.reports.audit_page import page
from reindex.reports.audit_summary import AuditResult, ClassResult
from reindex.reports.samples import Sample, keep
from reindex.stores.interfaces.queues import HighPriority
from scripts.desk.access import Access
from scripts.desk.app import DeskApp
from scripts.desk.desk import Desk
from tests.twins.submissions import MemoryHighPriority, MemorySubmittedFiles
from tests.unit.scripts.stage import Stage

TOKEN = "a-token-that-nobody-guesses"
PORT = 8765
ACCESS = Access(TOKEN, PORT)

#: What a browser says of a request of the desk's own page.
OWN: Mapping[str, str] = {
    "Host": f"127.0.0.1:{PORT}",
    "Origin": f"http://127.0.0.1:{PORT}",
    "Sec-Fetch-Site": "same-origin",
}

#: Text that a page must escape.
HOSTILE = "<script>alert(1)</script>\" onerror='x'"


#: The fields of the index, some of which documents have.
MAPPING = {"properties": {name: {"type": "keyword"} for name in ("title", "credit", "supplier")}}


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (120, 80), colour).save(out, "JPEG")
    return out.getvalue()


class DeskStage(Stage):
    """A stage whose library has thumbnails, and a live lane."""

    is_outdated = False

    def __init__(self, **options: Any) -> None:
        super().__init__(mapping=MAPPING, **options)
        self.set(PROJECTION_BY="function", THUMBNAILS_BUCKET="thumbnails", STATUS_TABLE="status")
        self.has_ingest = True
        self.submitted_files = MemorySubmittedFiles()
        self.high_priority: HighPriority = MemoryHighPriority()

    def desk(self, *, read_only: bool | None = None) -> Desk:
        """The desk of this stage; its plans are counted and applied at once."""
        return Desk("TEST", lambda: self.connect("TEST"), read_only=read_only)

    def finish_a_run(self) -> None:
        """A run that ended: two verified, one not found, two that failed."""
        self.add("a", "b", "c", "d", title="true")
        self.projector.failing["c"] = NotAnImage(HOSTILE).as_failure()
        self.projector.failing["d"] = SourceUnavailable("S3 did not answer.").as_failure()
        for image_id, colour in (("a", "red"), ("b", "green"), ("c", "navy")):
            self.library.thumbnails[image_id] = picture(colour)
        self.upload(["a", "b", "c", "d", "gone"], name="first")
        self.whole_run()
        self.phases.running.clear()
        self.clock.time += 3_600

    def open_a_run(self) -> None:
        """A run in its index phase, with half an hour of samples."""
        ids = [f"image-{number}" for number in range(40)]
        self.add(*ids)
        self.upload(ids, name="second")
        self.preflight("run-2")
        self.open_phase(Phase.INDEX)
        began = self.clock.time
        for minute in range(30):
            at = began + 60 * minute
            held = {"the backlog is full": 20.0} if 10 < minute < 15 else {}
            moved = {"enqueued": 1_200 + 40 * minute, "known_error": 30}
            keep(self.files, "run-2", Sample(at, 50, Phase.INDEX, 0, moved, held, 4, "growing"))
        self.clock.time = began + 1_800
        counts = {"enqueued": 17, "known_error": 2}
        self.runs.record_progress("run-2", counts, self.clock.now() - 20)

    def audit(self, counts: Mapping[ImageClass, int], *shrunk: Shrunk) -> None:
        """An audit that has ended."""
        audit_id = "20260301-200000-ab12"
        classes = [
            ClassResult(name, count, [HOSTILE, "gone"][:count], "ids/", looked_again=count < 1_000)
            for name in ImageClass
            for count in [counts.get(name, 0)]
        ]
        summary = AuditResult(
            audit_id=audit_id,
            started_at="2026-03-01T20:00:00.000Z",
            ended_at="2026-03-01T20:40:00.000Z",
            deep=False,
            counted=Counted({"originals": 5}, {}),
            classes=classes,
            reference="20260228-200000-cd34",
            shrunk=shrunk,
            accept_shrunk=False,
            open_run="run-2",
        ).summary()
        self.files.put(f"audits/{audit_id}.json", json.dumps(summary).encode())
        self.files.put(f"audits/{audit_id}.html", page(summary).encode(), "text/html")

    def fail_a_submission(self, key: str = "agency/photo.jpg") -> SubmissionRow:
        """A file that failed, and is kept in the failed bucket."""
        ref = self.submitted_files.put(key, b"text")
        kept = self.submitted_files.keep_failed(ref, b"{}")
        self.submitted_files.remove(ref)
        row = SubmissionRow(
            ref=ref,
            state=SubmissionState.FAILED,
            size=4,
            submitted_at="2026-03-01T18:00:00+00:00",
            updated_at="2026-03-01T18:00:01+00:00",
            failure=NotAnImage("The file is of no image format.").as_failure(),
            failed_key=kept,
        )
        assert self.submissions.write(row, None)
        return row


class Browser:
    """Sends what a browser sends, and follows where it is led.

    Args:
        desk: The desk that it talks to.
    """

    def __init__(self, desk: Desk) -> None:
        self.client = Client(DeskApp(desk, ACCESS))

    def get(self, path: str, **headers: str) -> TestResponse:
        """Ask for a path below the token."""
        return self.client.get(f"/{TOKEN}/{path}", headers={**OWN, **headers})

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> TestResponse:
        """Send a form."""
        return self.client.post(f"/{TOKEN}/{path}", data=fields, headers={**OWN, **headers})

    def panel(self, name: str) -> str:
        """A panel, read again."""
        return self.get(f"panels/{name}?refresh=1").text

    def plan(self, action: str, **fields: str) -> str:
        """Have a plan made, and return its path."""
        made = self.post("plans", {"action": action, **fields})
        assert made.status_code == 303, made.text
        return made.headers["Location"]


def text_of(html: str) -> str:
    """What is read of some HTML."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())
