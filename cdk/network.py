"""Ways from a VPC without internet to the AWS services that the functions call."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk.stage_settings import Network

_HTTPS = 443


class Endpoints(Construct):
    """Interface endpoints in the functions' subnets, open to the functions alone.

    S3 and DynamoDB have gateway endpoints, which cost nothing and belong to the VPC's route
    tables: the owner of the VPC creates those. KMS needs none: only the services call it.

    The resources are CloudFormation's own: CDK's constructs want a VPC whose zones and route
    tables they know, and a stage gives ids.

    Args:
        scope: The stack.
        construct_id: Its name there.
        network: With a VPC.
        has_secret: True if the cluster's credentials are read from Secrets Manager.
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
        entrance = self._entrance(network, network.vpc)
        for name, reached in services.items():
            ec2.CfnVPCEndpoint(
                self,
                name,
                vpc_endpoint_type="Interface",
                vpc_id=network.vpc,
                service_name=reached.name,
                subnet_ids=[*network.subnets],
                security_group_ids=[entrance.attr_group_id],
                private_dns_enabled=True,
            )

    def _entrance(self, network: Network, vpc: str) -> ec2.CfnSecurityGroup:
        """Make the security group of the endpoints: HTTPS in from the functions, nothing out."""
        return ec2.CfnSecurityGroup(
            self,
            "Entrance",
            vpc_id=vpc,
            group_description="HTTPS from the functions of image-reindex to AWS services",
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=_HTTPS,
                    to_port=_HTTPS,
                    source_security_group_id=group,
                    description="The functions",
                )
                for group in network.security_groups
            ],
            # Without any rule EC2 lets everything out; this one no packet matches.
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="icmp", from_port=252, to_port=86, cidr_ip="255.255.255.255/32"
                )
            ],
        )
