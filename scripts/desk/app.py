"""The desk's routes, as a WSGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from reindex.reports.markup import Markup, element
from reindex.reports.page import CONTENT_TYPE, POLICY, STYLE
from reindex.text import MAX_ID_BYTES

from ..errors import explained
from . import page
from .access import HEADERS, Access
from .actions import BadForm
from .desk import Desk
from .panel import ON_REQUEST, failed
from .plans import NoSuchPlan, NotReady, Plan
from .views import BAD, notice

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Bytes of a form at most.
_MAX_FORM: Final = 10_000

#: Seconds between looks at a plan that works.
_WORKING_SECONDS: Final = 1.0

#: Names the header that says when to ask for a fragment again, in seconds; 0 for not by itself.
_POLL_HEADER: Final = "Poll-Seconds"

_FILES: Final = {
    "desk.css": "text/css; charset=utf-8",
    "desk.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

#: Shown where an image has no thumbnail: a browser would complain of one that is missing.
_NO_THUMBNAIL: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="90" viewBox="0 0 120 90">'
    '<rect width="120" height="90" fill="#8b95a1" fill-opacity="0.25"/>'
    '<path d="M46 60 l14 -18 10 12 6 -7 10 13 z" fill="#8b95a1"/></svg>'
)


class DeskApp:
    """Answers requests.

    Args:
        desk: What is shown and done.
        access: Judges requests.
    """

    def __init__(self, desk: Desk, access: Access) -> None:
        self._desk = desk
        self._access = access
        self._routes = Map(
            [
                Rule("/", endpoint=self._page, methods=["GET"]),
                Rule("/report.css", endpoint=self._report_style, methods=["GET"]),
                Rule("/<any('desk.css', 'desk.js', 'icon.svg'):name>", endpoint=self._file),
                Rule("/panels/<name>", endpoint=self._panel, methods=["GET"]),
                Rule("/explanation", endpoint=self._explanation, methods=["GET"]),
                Rule("/thumbnails", endpoint=self._thumbnail, methods=["GET"]),
                Rule("/reports/<run_id>", endpoint=self._report, methods=["GET"]),
                Rule("/audits/<audit_id>", endpoint=self._audit, methods=["GET"]),
                Rule("/plans", endpoint=self._new_plan, methods=["POST"]),
                Rule("/plans/<name>", endpoint=self._plan, methods=["GET"]),
                Rule("/plans/<name>", endpoint=self._apply_plan, methods=["POST"]),
                Rule("/plans/<name>/state", endpoint=self._plan_state, methods=["GET"]),
            ]
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        request.max_content_length = request.max_form_memory_size = _MAX_FORM
        response = self._response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start_response)

    def _response(self, request: Request) -> Response:
        if refusal := self._access.refusal(request):
            return _text(f"Refused: {refusal}.", HTTPStatus.FORBIDDEN)
        path = request.path.removeprefix(f"/{self._access.token}")
        if not path:
            return _redirect(f"/{self._access.token}/")
        try:
            answer, values = self._routes.bind("").match(path, request.method)
            response: Response = answer(request, **values)
        except HTTPException as error:
            return _text(f"{error.code} {error.name}", HTTPStatus(error.code or 500))
        except _Refused as error:
            # Relative, so that the token is in no page.
            root = "../" * (path.count("/") - 1) or "./"
            return _html(_page_of(error, root), error.status)
        except Exception as error:  # noqa: BLE001 - a page must say what failed
            return _text(explained(error), HTTPStatus.INTERNAL_SERVER_ERROR)
        return response

    def _page(self, request: Request) -> Response:
        made = page.desk(
            self._desk.stage,
            self._desk.places,
            image_id=request.args.get("id", ""),
            read_only=self._desk.read_only,
        )
        return _html(made)

    def _report_style(self, _: Request) -> Response:
        return Response(STYLE, content_type=_FILES["desk.css"])

    def _file(self, _: Request, name: str) -> Response:
        body = files(__package__).joinpath(name).read_bytes()
        return Response(body, content_type=_FILES[name])

    def _panel(self, request: Request, name: str) -> Response:
        if name not in self._desk.panels:
            raise NotFound
        found = self._desk.panels[name].fragment(refresh="refresh" in request.args)
        return _fragment(found.html, found.poll_seconds)

    def _explanation(self, request: Request) -> Response:
        image_id = request.args.get("id", "").strip()
        if not image_id or len(image_id.encode()) > MAX_ID_BYTES:
            said = f"An image id has 1 to {MAX_ID_BYTES} bytes."
            return _fragment(notice(BAD, said), ON_REQUEST)
        try:
            return _fragment(self._desk.explain(image_id), ON_REQUEST)
        except Exception as error:  # noqa: BLE001 - whatever failed is what is shown
            return _fragment(failed(explained(error), is_tried_again=False), ON_REQUEST)

    def _thumbnail(self, request: Request) -> Response:
        found = self._desk.thumbnail(request.args.get("id", ""))
        if found is None:
            return Response(_NO_THUMBNAIL, content_type=_FILES["icon.svg"])
        return Response(found.data, content_type=found.media_type)

    def _report(self, _: Request, run_id: str) -> Response:
        return _stored_page(lambda: self._desk.report_page(run_id))

    def _audit(self, _: Request, audit_id: str) -> Response:
        return _stored_page(lambda: self._desk.audit_page(audit_id))

    def _new_plan(self, request: Request) -> Response:
        if self._desk.read_only:
            said = "This desk is read-only: start it with --allow-changes."
            raise _Refused(said, HTTPStatus.FORBIDDEN)
        try:
            action = self._desk.action(request.form.to_dict())
        except BadForm as error:
            raise _Refused(f"This cannot be done: {error}.", HTTPStatus.BAD_REQUEST) from None
        return _redirect(f"plans/{self._desk.plans.make(action)}")

    def _plan(self, _: Request, name: str) -> Response:
        found = self._found_plan(name)
        return _html(page.plan(self._desk.stage, name, found.action.title))

    def _plan_state(self, _: Request, name: str) -> Response:
        found = self._found_plan(name)
        seconds = _WORKING_SECONDS if found.state.is_working else ON_REQUEST
        return _fragment(page.plan_state(name, found), seconds)

    def _apply_plan(self, _: Request, name: str) -> Response:
        self._found_plan(name)
        try:
            self._desk.plans.apply(name)
        except NotReady:
            said = "This plan was applied already, or cannot be applied."
            raise _Refused(said, HTTPStatus.CONFLICT) from None
        return _redirect(name)

    def _found_plan(self, name: str) -> Plan:
        try:
            return self._desk.plans.get(name)
        except NoSuchPlan:
            said = "There is no such plan any more: begin again from the desk."
            raise _Refused(said, HTTPStatus.NOT_FOUND) from None


class _Refused(Exception):
    """A request is not answered; the message says why, for people."""

    def __init__(self, said: str, status: HTTPStatus) -> None:
        super().__init__(said)
        self.status = status


def _page_of(refused: _Refused, root: str) -> str:
    back = element("p", element("a", "Back to the desk", href=root))
    body = element("main", element("h1", "Desk"), notice(BAD, str(refused)), back, id="content")
    return page.document("Desk", root, body)


def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(text, status=status, content_type=CONTENT_TYPE)


def _stored_page(read: Callable[[], bytes]) -> Response:
    try:
        body = read()
    except KeyError:
        raise NotFound from None
    # It has its styles in itself, and nothing else.
    policy = {"Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'"}
    return Response(body, content_type=CONTENT_TYPE, headers=policy)


def _fragment(html: Markup, poll_seconds: float) -> Response:
    headers = {_POLL_HEADER: f"{poll_seconds:g}"}
    return Response(html, content_type=CONTENT_TYPE, headers=headers)


def _text(text: str, status: HTTPStatus) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def _redirect(location: str) -> Response:
    response = Response(status=HTTPStatus.SEE_OTHER)
    # Relative, and so it stays: the token need not be repeated.
    response.autocorrect_location_header = False
    response.headers["Location"] = location
    return response
