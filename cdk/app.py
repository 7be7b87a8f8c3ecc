"""The entry of the CDK app: ``npx cdk deploy --all -c stage=TEST``.

Context: ``stage`` names an entry of ``stages`` in ``cdk.json``; ``overrides`` is JSON laid over
it; ``asset=local`` builds the functions for this machine and not for Lambda's arm64.
"""

from __future__ import annotations

import sys

from aws_cdk import App

from cdk import bundling
from cdk.sample_library import SampleLibraryStack
from cdk.stack import ReindexStack
from cdk.stage_loading import load
from cdk.stage_values import asset_files
from reindex.settings import SettingsError

_TARGETS = {"lambda": bundling.LAMBDA, "local": bundling.LOCAL}


def build(app: App) -> None:
    """Add one stage's stacks to the app.

    Raises:
        SettingsError: The context does not describe a stage.
        BundlingError: The functions' asset cannot be built.
    """
    context = app.node.try_get_context
    settings = load(context("stages"), context("stage"), context("overrides"))
    target = context("asset") or "lambda"
    if target not in _TARGETS:
        raise SettingsError(f"unknown asset {target!r}: one of {', '.join(_TARGETS)}")
    asset = bundling.build(_TARGETS[target], asset_files(settings.projection))
    stack = ReindexStack(app, settings, asset)
    if not settings.library:
        stack.add_stack_dependency(SampleLibraryStack(app, settings))


def main() -> None:
    """Synthesize; print an error that an operator can fix as one line on stderr."""
    app = App()
    try:
        build(app)
    except (SettingsError, bundling.BundlingError) as error:
        sys.exit(f"image-reindex: {error}")
    app.synth()


if __name__ == "__main__":
    main()
