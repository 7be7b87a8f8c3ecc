"""The cost of a run so far, estimated from metrics.

It shows if something is badly wrong; for accounting, use the bill. Small costs are left out (state
transitions), and those that cannot be distinguished from the library's own (reads of the user data,
KMS).
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk.measures import MINUTE, Watched, identified, total
from reindex.reports import footprint, prices

#: The functions send, receive and delete in batches of ten.
_MESSAGES_PER_REQUEST: Final = 10


def costs(watched: Watched, *, period: Duration = MINUTE) -> dict[str, cloudwatch.MathExpression]:
    """Estimated dollars per period, by service, as identifiers of expressions.

    Args:
        watched: What is measured.
        period: Of one data point.
    """
    queue = watched.queue.queue
    sent, received, deleted, empty = (
        queue.metric(name, statistic="Sum", period=period)
        for name in (
            "NumberOfMessagesSent",
            "NumberOfMessagesReceived",
            "NumberOfMessagesDeleted",
            "NumberOfEmptyReceives",
        )
    )
    log_bytes = {
        name: cloudwatch.Metric(
            namespace="AWS/Logs",
            metric_name="IncomingBytes",
            dimensions_map={"LogGroupName": f"/aws/lambda/{watched.names.function(name)}"},
            statistic="Sum",
            period=period,
        )
        for name in watched.functions
    }
    parts = {
        "Lambda": {
            **{
                f"{name}_seconds": total(
                    {f"{name}_ms": duration},
                    label=f"Lambda, time of {name}",
                    scale=footprint.gb(name) / 1000 * prices.GB_SECOND,
                    period=period,
                )
                for name, duration in watched.of_each_function("Duration", "Sum", period).items()
            },
            "lambda_requests": total(
                identified("calls", watched.of_each_function("Invocations", "Sum", period)),
                label="Lambda, requests",
                scale=prices.INVOCATION,
                period=period,
            ),
        },
        "DynamoDB": {
            "units_written": total(
                identified("written", watched.units_written(period)),
                label="DynamoDB, writes",
                scale=prices.WRITE_UNIT,
                period=period,
            ),
            "units_read": total(
                identified("read", watched.units_read(period)),
                label="DynamoDB, reads",
                scale=prices.READ_UNIT,
                period=period,
            ),
        },
        "SQS": {
            "messages": total(
                {"sent": sent, "received": received, "deleted": deleted},
                label="SQS, messages",
                scale=prices.QUEUE_REQUEST / _MESSAGES_PER_REQUEST,
                period=period,
            ),
            "polls": total(
                {"empty": empty}, label="SQS, polls", scale=prices.QUEUE_REQUEST, period=period
            ),
        },
        "S3": {
            "originals": total(
                {"projected": watched.own("ImagesProjected", "Sum", period=period)},
                label="S3",
                scale=footprint.S3_READS * prices.S3_READ + footprint.S3_LISTINGS * prices.S3_WRITE,
                period=period,
            )
        },
        "CloudWatch Logs": {
            "logs": total(
                identified("log", log_bytes),
                label="CloudWatch Logs",
                scale=prices.LOG_GB / 1024**3,
                period=period,
            )
        },
    }
    return {
        service.lower().replace(" ", "_"): total(part, label=service, period=period)
        for service, part in parts.items()
    }
