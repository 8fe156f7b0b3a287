"""Durable execution: what was accepted is done, each step written down, whatever crashes meanwhile."""

from sqlalchemy.ext.asyncio import AsyncSession as Transaction

from bot.engine.engine import Engine, Handler
from bot.engine.job import Attempt, DeadJob, Job, JsonObject, JsonValue, Queue, StepFailed
from bot.engine.run import Run

__all__ = [
    "Attempt",
    "DeadJob",
    "Engine",
    "Handler",
    "Job",
    "JsonObject",
    "JsonValue",
    "Queue",
    "Run",
    "StepFailed",
    "Transaction",
]
