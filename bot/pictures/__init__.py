"""Drawings for messages: a metric, a blast radius, a service's indicators."""

from bot.pictures.drawn import MetricPictures

__all__ = ["MetricPictures"]
