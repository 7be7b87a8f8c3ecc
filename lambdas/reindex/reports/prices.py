"""AWS's prices for the parts of a run: list prices in US dollars, as of November 2025.

On demand, in one region, without free tiers and discounts. Whatever is reckoned from them is an
estimate.
"""

from __future__ import annotations

from typing import Final

#: The region of the prices.
REGION: Final = "us-east-1"

#: aws.amazon.com/dynamodb/pricing/on-demand: per write and read request unit.
WRITE_UNIT: Final = 0.625e-6
READ_UNIT: Final = 0.125e-6

#: aws.amazon.com/sqs/pricing: per request to a standard queue, of at most 64 KB.
QUEUE_REQUEST: Final = 0.40e-6

#: aws.amazon.com/lambda/pricing, Arm: per GB and second, and per invocation.
GB_SECOND: Final = 0.0000133334
INVOCATION: Final = 0.20e-6

#: aws.amazon.com/s3/pricing, Standard: per GET or HEAD, and per PUT or LIST.
S3_READ: Final = 0.4e-6
S3_WRITE: Final = 5e-6

#: aws.amazon.com/step-functions/pricing, Standard: per state transition.
TRANSITION: Final = 25e-6

#: aws.amazon.com/cloudwatch/pricing: per GB of logs taken in; metrics travel in the same lines.
LOG_GB: Final = 0.50

# Monthly prices of a deployed stage, whether it runs or not.

#: aws.amazon.com/cloudwatch/pricing: per metric that an alarm watches, per metric of one's own
#: (only for the hours in which it is written), and per dashboard beyond the account's third.
ALARM_METRIC_MONTH: Final = 0.10
METRIC_MONTH: Final = 0.30
DASHBOARD_MONTH: Final = 3.00

#: aws.amazon.com/kms/pricing: per key.
KEY_MONTH: Final = 1.00

#: aws.amazon.com/privatelink/pricing: per interface endpoint, zone and hour.
ENDPOINT_HOUR: Final = 0.01
