"""The findings of cdk-nag that we accept, each with its reason.

Written into the template as cdk-nag writes it, so that who deploys needs no cdk-nag: that is for
the tests, which hold the stacks against its AwsSolutions pack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnResource
from constructs import IConstruct


def accept(scope: IConstruct, rule: str, reason: str, *, only: Sequence[str] = ()) -> None:
    """Accept what a rule finds in a construct and those within it.

    Args:
        scope: The construct.
        rule: As ``AwsSolutions-S1``.
        reason: Why it is right here.
        only: Regular expressions; without them, whatever the rule finds.
    """
    accepted: dict[str, Any] = {"id": rule, "reason": reason}
    if only:
        accepted["applies_to"] = [{"regex": f"/^{pattern}$/"} for pattern in only]
    for construct in scope.node.find_all():
        if isinstance(construct, CfnResource):
            before = construct.get_metadata("cdk_nag") or {"rules_to_suppress": []}
            construct.add_metadata(
                "cdk_nag", {"rules_to_suppress": [*before["rules_to_suppress"], accepted]}
            )
