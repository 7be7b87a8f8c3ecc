"""``reindex project``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from .differences import differences
from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.wiring import Wiring


@click.command(
    epilog=example(
        "reindex project 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83",
        "reindex project 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83 --diff",
    )
)
@click.argument("image_id", metavar="ID")
@click.option("--diff", is_flag=True, help="Show what would change in the index instead.")
@click.option("--explain", is_flag=True, help="Show what each processor and rule did instead.")
@on_stack
def project(session: Session, *, image_id: str, diff: bool, explain: bool) -> None:
    """Print the document that a reindex would write for an image.

    Built now, from the truth (by the library's own loader or function, where the stage names
    one), with what only the index holds put back; nothing is written.
    With --diff, one line for each value that would go (-) or come (+). Provenance, which
    differs with every projection, is left out of the differences.
    With --explain, one line for each field that a processor or a rule of the stage changed. The
    library's own files are looked for where it is called, beside cdk.json.
    """
    if diff and explain:
        raise click.UsageError("Give --diff or --explain, not both.")
    from reindex.settings import Elasticsearch
    from reindex.steps.index_messages import merged

    from .terminal import note

    wiring = session.wiring
    if explain:
        for change in wiring.projection.explain(image_id):
            values = (json.dumps(v, ensure_ascii=False) for v in (change.before, change.after))
            note(f"{change.by}: {change.field}: {' → '.join(values)}")
        return
    place = wiring.settings[Elasticsearch]
    index = wiring.index.resolve(place.index_alias)
    misfits = wiring.index.misfits(index)
    document = _projected(wiring, image_id, misfits)
    preserved = wiring.index.read(index, [image_id], place.preserve).get(image_id)
    if preserved:
        document = merged(document, preserved.source)
    if not diff:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    found = wiring.index.read(index, [image_id], ["*"]).get(image_id)
    for line in _lines(found.source if found else {}, document):
        note(line)


def _projected(wiring: Wiring, image_id: str, misfits: Mapping[str, str]) -> dict[str, Any]:
    """Return an image's document: built here, or by the function of a stage that has another.

    Raises:
        ReindexFailure: Why it cannot be built.
        ClickException: The same, of a function that builds it.
        InternalFailure: The function cannot be asked, or died.
    """
    from reindex.domain.records import key_claimed_by
    from reindex.settings import OWN, Projection
    from reindex.steps.ambient import fresh_name

    run_id = fresh_name(wiring.clock)
    if wiring.settings[Projection].projection_by == OWN:
        return wiring.projection.document(image_id, run_id, misfits)
    answer = wiring.projector.project([image_id], run_id, misfits)
    for failure in answer.failures.values():
        detail = f" ({failure.detail})" if failure.detail else ""
        raise click.ClickException(f"{failure.code}: {failure.message}{detail}")
    if not answer.images:
        raise click.ClickException("no time was left to build it: try again")
    text = answer.images[0].image
    key = key_claimed_by(text)
    document: dict[str, Any] = json.loads(wiring.files.get(key) if key else text)
    return document


def _lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    from reindex.image.document import without_provenance

    for found in differences(without_provenance(before), without_provenance(after)):
        for sign, values in (("-", found.before), ("+", found.after)):
            for value in values:
                yield f"{sign} {found.path}: {json.dumps(value, ensure_ascii=False)}"
