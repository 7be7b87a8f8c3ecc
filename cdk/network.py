"""Ways from a VPC without internet to the AWS services that the functions call."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk.stage_settings import Network

_HTTPS = ec2.Port.tcp(443)


class Endpoints(Construct):
    """Interface endpoints in the functions' subnets, open to the functions alone.

    S3 and DynamoDB have gateway endpoints, which cost nothing and belong to the VPC's route
    tables: whoever owns the VPC makes those. KMS needs none: only the services call it.

    Args:
        scope: The stack.
        construct_id: Its name there.
        network: With a VPC.
        has_secret: Whether the cluster's credentials are read from Secrets Manager.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, network: Network, has_secret: bool
    ) -> None:
        super().__init__(scope, construct_id)
        assert network.vpc is not None
        service = ec2.InterfaceVpcEndpointAwsService
        services = {
            "Sqs": service.SQS,
            "Lambda": service.LAMBDA_,
            "Events": service.EVENTBRIDGE,
            "StepFunctions": service.STEP_FUNCTIONS,
        }
        if has_secret:
            services["SecretsManager"] = service.SECRETS_MANAGER
        vpc = ec2.Vpc.from_vpc_attributes(
            # The endpoints name their subnets, so that nothing is placed by zone.
            self,
            "Vpc",
            vpc_id=network.vpc,
            availability_zones=["unused"],
        )
        subnets = [
            ec2.Subnet.from_subnet_id(self, f"Subnet{number}", subnet)
            for number, subnet in enumerate(network.subnets)
        ]
        entrance = ec2.SecurityGroup(
            self,
            "Entrance",
            vpc=vpc,
            allow_all_outbound=False,
            description="HTTPS from the functions of image-reindex to AWS services",
        )
        for group in network.security_groups:
            entrance.add_ingress_rule(ec2.Peer.security_group_id(group), _HTTPS)
        for name, reached in services.items():
            ec2.InterfaceVpcEndpoint(
                self,
                name,
                vpc=vpc,
                service=reached,
                subnets=ec2.SubnetSelection(subnets=subnets),
                security_groups=[entrance],
                open=False,
                private_dns_enabled=True,
            )
