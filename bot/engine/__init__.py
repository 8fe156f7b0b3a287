"""Durable execution: what was accepted is done, each step written down, whatever crashes meanwhile."""

from bot.engine.engine import Engine, Handler
from bot.engine.job import Attempt, DeadJob, Job, JsonObject, JsonValue, Queue, StepFailed
from bot.engine.run import Run

__all__ = ["Attempt", "DeadJob", "Engine", "Handler", "Job", "JsonObject", "JsonValue", "Queue", "Run", "StepFailed"]
