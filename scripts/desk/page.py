"""The desk's pages: the one with the panels, and that of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reindex.reports.markup import Markup, element, joined

from .plans import Plan, PlanState
from .views import BAD, OK, command, notice, scrolled_table


@dataclass(frozen=True, slots=True)
class Place:
    """A panel's place on the page.

    Attributes:
        name: Of the panel.
        title: Its heading.
    """

    name: str
    title: str


def document(title: str, root: str, *content: str) -> str:
    """Return a page.

    Args:
        title: In the browser's tab.
        root: Leads from the page's address to the desk's.
        content: Of its body.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("link", rel="icon", href=f"{root}icon.svg"),
        element("link", rel="stylesheet", href=f"{root}report.css"),
        element("link", rel="stylesheet", href=f"{root}desk.css"),
        element("script", src=f"{root}desk.js", defer="defer"),
    )
    skip = element("a", "Skip to the content", href="#content", class_="skip")
    announcements = element("div", id="announcements", role="status", class_="unseen")
    body = element("body", skip, *content, announcements)
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def desk(stage: str, places: Sequence[Place], *, image_id: str, read_only: bool) -> str:
    """Return the page with the panels, which are loaded one by one.

    Args:
        stage: The deployment.
        places: The panels.
        image_id: What is explained first; empty for nothing.
        read_only: True if nothing can be changed here.
    """
    mode = (
        "Read-only: nothing can be changed here." if read_only else "Changes show their plan first."
    )
    links = (
        element("li", element("a", place.title, href=f"#{place.name}"))
        for place in (Place("search", "One image"), *places)
    )
    return document(
        f"Desk of {stage}",
        "",
        element(
            "div",
            element("h1", "image-reindex ", element("strong", stage)),
            element("p", mode, class_="soft"),
            element("nav", element("ul", *links), aria_label="Panels"),
            class_="top",
            role="banner",
        ),
        element(
            "main",
            element("noscript", notice(BAD, "The panels need JavaScript.")),
            _search(image_id),
            *map(_panel, places),
            id="content",
            tabindex="-1",
        ),
    )


def _search(image_id: str) -> Markup:
    field = element(
        "input",
        id="image",
        name="id",
        value=image_id,
        autocomplete="off",
        spellcheck="false",
        required="required",
        placeholder="image id",
    )
    form = element(
        "form",
        element("label", "Why can I not find this picture? ", for_="image"),
        field,
        element("button", "Explain"),
        id="explain",
        role="search",
        method="get",
        action="",
    )
    answer = element(
        "div", id="explanation", tabindex="-1", aria_label="Explanation", role="region"
    )
    return element(
        "section", element("h2", "One image"), form, answer, id="search", class_="search"
    )


def _panel(place: Place) -> Markup:
    title = f"{place.name}-title"
    return element(
        "section",
        element(
            "div",
            element("h2", place.title, id=title),
            element("span", class_="soft read-at"),
            element(
                "button",
                "Refresh",
                element("span", f" {place.title}", class_="unseen"),
                type="button",
                class_="refresh",
            ),
            class_="heading",
        ),
        element("div", element("p", "Loading…", class_="soft"), class_="body"),
        id=place.name,
        aria_labelledby=title,
        data_src=f"panels/{place.name}",
    )


def plan(stage: str, name: str, title: str) -> str:
    """Return the page of a plan, which is loaded into it.

    Args:
        stage: The deployment.
        name: Of the plan.
        title: Of its action.
    """
    return document(
        f"{title}? Desk of {stage}",
        "../",
        element(
            "div",
            element("h1", "image-reindex ", element("strong", stage)),
            element("p", element("a", "Back to the desk", href="../")),
            class_="top",
            role="banner",
        ),
        element(
            "main",
            element(
                "section",
                element("h2", f"{title}?", id="plan-title"),
                element(
                    "div",
                    element("p", "Loading…", class_="soft"),
                    class_="body",
                    role="status",
                ),
                id="plan",
                aria_labelledby="plan-title",
                data_src=f"{name}/state",
            ),
            id="content",
            tabindex="-1",
        ),
    )


def plan_state(name: str, plan: Plan) -> Markup:
    """Return what a plan's page shows of it.

    Args:
        name: Of the plan.
        plan: As it is now.
    """
    match plan.state:
        case PlanState.COUNTING:
            return element("p", "Counting what it would change. Nothing is changed yet.")
        case PlanState.APPLYING:
            return element("p", "It is being done. It goes on if this page is closed.")
        case PlanState.FAILED:
            retry = "What was done stays so. It may be repeated from the desk."
            return notice(BAD, "It failed.", plan.error, retry)
        case PlanState.DONE:
            return joined(notice(OK, "Done."), _outcome(plan))
        case PlanState.READY:
            return _ready(name, plan)


def _ready(name: str, plan: Plan) -> Markup:
    if plan.outcome and plan.outcome.is_empty:
        return joined(_outcome(plan), element("p", "There is nothing to do."))
    button = element("button", f"{plan.action.title}", id="apply", class_="danger")
    return joined(
        _outcome(plan),
        element(
            "div",
            element("form", button, method="post", action=name),
            element("a", "Change nothing", href="../"),
            class_="actions",
        ),
        element("p", "The same in a shell:", class_="soft"),
        command(plan.action.command),
    )


def _outcome(plan: Plan) -> Markup:
    outcome = plan.outcome
    if outcome is None:
        return Markup()
    counts = Markup()
    if outcome.groups:
        numbers = [len(outcome.heads) - 1]
        counts = scrolled_table("What it is about", outcome.heads, outcome.groups, numbers)
    return joined(counts, *(element("p", sentence) for sentence in outcome.sentences))
