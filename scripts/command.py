"""The ``reindex`` command and its verbs."""

from __future__ import annotations

import click

from reindex import __version__

from .abort import abort
from .audit import audit
from .certify import certify
from .check_projector import check_projector
from .compare import compare
from .desk.verb import desk
from .dlq import dlq
from .errors import ErrorHandlingGroup
from .explain import explain
from .forget import forget
from .image_meta import image_meta
from .migrate import migrate
from .now import now
from .pause import pause
from .prepare_index import prepare_index
from .project import project
from .rehearse import rehearse
from .report import report
from .requeue import requeue
from .resubmit import resubmit
from .resume import resume
from .runs import runs
from .scan_states import scan_states
from .session import Session, example, pass_session, stage_option
from .start import start
from .status import status
from .submissions import submissions
from .submit import submit
from .trace import trace
from .upload_ids import upload_ids

VERBS = (
    prepare_index,
    rehearse,
    upload_ids,
    start,
    status,
    pause,
    resume,
    abort,
    report,
    runs,
    scan_states,
    requeue,
    forget,
    dlq,
    certify,
    explain,
    audit,
    desk,
    compare,
    migrate,
    project,
    check_projector,
    image_meta,
    now,
    submit,
    submissions,
    resubmit,
    trace,
)


class _InOrder(ErrorHandlingGroup):
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
    130 interrupted, and one line says what was done.
    """
    session.debug = debug


for verb in VERBS:
    reindex.add_command(verb)
