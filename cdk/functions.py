"""The lambdas. The only place where a Function is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aws_cdk import CfnResource, Duration, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.bundling import Asset
from cdk.measures import NAMESPACE
from cdk.monitoring import log_group
from cdk.nag import accept
from cdk.names import PHASES, Names
from cdk.stage_settings import Network, StageSettings
from cdk.stage_values import functions, phase_rules
from reindex.reports.footprint import MEMORY_MB
from reindex.settings import variables

RUNTIME = lambda_.Runtime.PYTHON_3_14

#: The functions that the phases' rules invoke.
PHASE_FUNCTIONS = {phase: f"batch_{phase}" for phase in PHASES}

#: Given to the ticks once the indexer, and the mapping that feeds it, are there.
INDEXER_MAPPING = "INDEXER_MAPPING"

#: A tick that cannot start within a minute is superseded by the next.
TICK_MAX_AGE = Duration.seconds(60)

_NETWORK_INTERFACE_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)

#: Wildcards in what the functions may do, and why nothing narrower would do.
_WILDCARDS = {
    "Resource::.+/\\*": "Objects of one bucket, or one prefix of it: ids and digests name them",
    "Resource::.+:execution:.+:\\*": "Each run's execution has a name of its own",
    "Action::kms:(GenerateDataKey|ReEncrypt)\\*": "Two variants of one action, on one key",
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """The properties of one function; the time-out of ticks is a setting of the stage.

    Attributes:
        does: For people.
        seconds: Time-out.
        disk_mb: Of temporary files, beyond Lambda's default.
        in_network: Whether it runs in the stage's VPC, if there is one.
    """

    does: str
    seconds: int | None = None
    disk_mb: int | None = None
    in_network: bool = True


_SHAPES = {
    "gather": _Shape("Brings a run's ids into the progress table; starts a migration's runs", 900),
    "batch_index": _Shape("Tick of the index phase: projects and enqueues"),
    "batch_check": _Shape("Tick of the check phase: verifies in the index"),
    "image_projection": _Shape("Builds images' documents from the truth", 30),
    "indexer": _Shape("Writes documents from the low-priority queue to the index", 60),
    "preflight": _Shape("Opens a run, or says what stands in its way", 120),
    "tally": _Shape("Counts the progress table, decides, and reports", 900),
    "ingest": _Shape("Checks, archives and renders submitted files", 180, 6_144),
    "live_indexer": _Shape("Brings documents of the high-priority queue up to date", 90),
    "audit": _Shape("Lists all stores, compares them, and reports where they disagree", 900),
    "follow": _Shape("Sends images to be indexed whose rows or crops have changed", 60),
    # A chat is outside of the VPC, and nothing that it reads is inside.
    "notices": _Shape("Sends notices: a run ended, or it is held", 60, in_network=False),
}


def timeout(name: str, settings: StageSettings) -> Duration:
    """Return the time-out of a function."""
    return Duration.seconds(_SHAPES[name].seconds or phase_rules(settings).function_seconds)


def depend_on_policy_alone(user: lambda_.Function | sfn.StateMachine) -> None:
    """Let a resource wait for its role's policy, and not for the role, which it names anyway.

    By default the constructs would make it wait for both. Call this when the role has all its
    statements.
    """
    resource = user.node.default_child
    assert isinstance(resource, CfnResource)
    assert user.role
    policy = user.role.node.find_child("DefaultPolicy").node.default_child
    assert isinstance(policy, iam.CfnPolicy)
    resource.add_override("DependsOn", [policy.logical_id])


class Functions(Construct):
    """The functions, each with the settings it reads, a role and a log group of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        asset: Asset,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._names = Names(settings.stage)
        self._code = lambda_.Code.from_asset(str(asset.path), asset_hash=asset.hash)
        self._environment = environment
        self._network = settings.network
        self._functions = {name: self._function(name) for name in functions(settings)}

    def __getitem__(self, name: str) -> lambda_.Function:
        return self._functions[name]

    def __iter__(self) -> Iterator[lambda_.Function]:
        return iter(self._functions.values())

    def allow(self, name: str, *statements: iam.PolicyStatement) -> None:
        """Add to what a function may do."""
        for statement in statements:
            self[name].add_to_role_policy(statement)

    def _function(self, name: str) -> lambda_.Function:
        construct_id = "".join(part.capitalize() for part in name.split("_"))
        function_name = self._names.function(name)
        group = log_group(
            self, f"{construct_id}Logs", f"/aws/lambda/{function_name}", self._settings
        )
        is_tick = name in PHASE_FUNCTIONS.values()
        disk = _SHAPES[name].disk_mb
        network = self._network if _SHAPES[name].in_network else None
        function = lambda_.Function(
            self,
            construct_id,
            function_name=function_name,
            description=_SHAPES[name].does,
            code=self._code,
            handler=f"{name}.handler",
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=MEMORY_MB[name],
            timeout=timeout(name, self._settings),
            ephemeral_storage_size=Size.mebibytes(disk) if disk else None,
            environment={
                **self._variables(name),
                "POWERTOOLS_SERVICE_NAME": name.replace("_", "-"),
                "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
            },
            role=self._role(f"{construct_id}Role", group, network=network),
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE if self._settings.tracing else lambda_.Tracing.DISABLED,
            reserved_concurrent_executions=self._settings.reserved_concurrency.get(name),
            # The schedule is the retry: a second try would only meet the next tick.
            retry_attempts=0 if is_tick else None,
            max_event_age=TICK_MAX_AGE if is_tick else None,
        )
        if network:
            resource = function.node.default_child
            assert isinstance(resource, lambda_.CfnFunction)
            # The construct's own property wants a VPC it can look up; Lambda asks for less.
            resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=[*network.subnets],
                security_group_ids=[*network.security_groups],
            )
        return function

    def _variables(self, name: str) -> dict[str, str]:
        """Exactly the settings a function reads except those that are not set."""
        known = variables(functions(self._settings)[name])
        missing = [
            v
            for v, required in known.items()
            if required and v != INDEXER_MAPPING and not self._environment.get(v)
        ]
        assert not missing, f"{name} would start without {', '.join(missing)}"
        return {v: self._environment[v] for v in known if v in self._environment}

    def _role(
        self, construct_id: str, group: logs.LogGroup, *, network: Network | None
    ) -> iam.Role:
        # Of our own, for the managed policies that CDK would attach reach every log group.
        role = iam.Role(self, construct_id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        group.grant_write(role)
        if network:
            # Lambda makes its network interfaces before their ARNs can be known.
            role.add_to_policy(
                iam.PolicyStatement(actions=[*_NETWORK_INTERFACE_ACTIONS], resources=["*"])
            )
        if network or self._settings.tracing:
            reason = "Network interfaces and traces have no ARN before Lambda makes them"
            accept(role, "AwsSolutions-IAM5", reason, only=["Resource::\\*"])
        for pattern, reason in _WILDCARDS.items():
            accept(role, "AwsSolutions-IAM5", reason, only=[pattern])
        return role
