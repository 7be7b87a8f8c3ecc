"""``reindex project``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from .session import Session, example, on_stack


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
    from reindex.domain.document_parts import with_preserved
    from reindex.domain.failures import Failure
    from reindex.settings import Elasticsearch

    from .projecting import projected
    from .terminal import note

    wiring = session.wiring
    if explain:
        for change in wiring.run_steps.projection.explain(image_id):
            values = (json.dumps(v, ensure_ascii=False) for v in (change.before, change.after))
            note(f"{change.by}: {change.field}: {' → '.join(values)}")
        return
    place = wiring.settings[Elasticsearch]
    index = wiring.index.resolve(place.index_alias)
    misfits = wiring.index.misfits(index)
    document = projected(wiring, image_id, misfits)
    if isinstance(document, Failure):
        detail = f" ({document.detail})" if document.detail else ""
        raise click.ClickException(f"{document.code}: {document.message}{detail}")
    preserved = wiring.index.read(index, [image_id], place.preserve).get(image_id)
    if preserved:
        document = with_preserved(document, preserved.source)
    if not diff:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    found = wiring.index.read(index, [image_id], ["*"]).get(image_id)
    for line in _lines(found.source if found else {}, document):
        note(line)


def _lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    from reindex.domain.differences import differences
    from reindex.image.document import without_provenance

    for found in differences(without_provenance(before), without_provenance(after)):
        for sign, values in (("-", found.before), ("+", found.after)):
            for value in values:
                yield f"{sign} {found.path}: {json.dumps(value, ensure_ascii=False)}"
