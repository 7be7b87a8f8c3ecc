"""The common parts of the dashboard's widgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

HEIGHT = 6

#: Widths: a row is of twenty-four.
WHOLE, HALF, THIRD, QUARTER = 24, 12, 8, 6


def graph(
    title: str,
    left: Iterable[cloudwatch.IMetric],
    *,
    right: Sequence[cloudwatch.IMetric] = (),
    stacked: bool = False,
    limit: cloudwatch.HorizontalAnnotation | None = None,
    width: int = THIRD,
) -> cloudwatch.GraphWidget:
    """Create a graph; its left axis begins at zero.

    Args:
        title: Of the widget.
        left: What is drawn.
        right: What is drawn against an axis of its own.
        stacked: True if the values add up.
        limit: A horizontal line.
        width: Of twenty-four.
    """
    return cloudwatch.GraphWidget(
        title=title,
        left=[*left],
        right=[*right],
        stacked=stacked,
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        left_annotations=[limit] if limit else [],
        width=width,
        height=HEIGHT,
    )
