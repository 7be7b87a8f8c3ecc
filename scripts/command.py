"""The ``reindex`` command and its verbs."""

from __future__ import annotations

import logging

import click

from reindex import __version__
from scripts.abort import abort
from scripts.certify import certify
from scripts.dlq import dlq
from scripts.edge import Edge
from scripts.image_meta import image_meta
from scripts.pause import pause
from scripts.prepare_index import prepare_index
from scripts.project import project
from scripts.report import report
from scripts.requeue import requeue
from scripts.resume import resume
from scripts.scan_states import scan_states
from scripts.session import Session, example, pass_session, stage_option
from scripts.start import start
from scripts.status import status
from scripts.upload_ids import upload_ids

VERBS = (
    prepare_index,
    upload_ids,
    start,
    status,
    pause,
    resume,
    abort,
    report,
    scan_states,
    requeue,
    dlq,
    certify,
    project,
    image_meta,
)


class _InOrder(Edge):
    """Lists the verbs in the order in which an operator meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=example(
        "export REINDEX_STAGE=TEST", "reindex upload-ids ids.txt", "reindex start --watch"
    ),
)
@stage_option(environment=True)
@click.option("--debug", is_flag=True, help="Show the log, and the traceback of a failure.")
@click.version_option(__version__, prog_name="reindex")
@pass_session
def reindex(session: Session, *, debug: bool) -> None:
    """Rebuild an image library's search index from the truth, while the library is live.

    Every verb explains itself: reindex VERB --help. Credentials and region are found where
    the aws command finds them.

    Exit status: 0 done; 1 it failed, and one line on stderr says why; 2 wrong usage;
    130 interrupted, and one line says what stands.
    """
    session.debug = debug
    if debug:
        logging.basicConfig(level=logging.INFO)
    else:
        # What is worth a line is printed or raised; without a handler, Python prints warnings.
        logging.getLogger().addHandler(logging.NullHandler())


for verb in VERBS:
    reindex.add_command(verb)
