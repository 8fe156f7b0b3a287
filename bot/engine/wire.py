"""How jobs, checkpoints and failures are written down: as JSON, so that nothing in a row is ever executed."""

import json
from typing import Any

from dbos import Serializer

from bot.engine.job import StepFailed
from bot.errors import Stale

_LONGEST_TEXT = 4_000


class Wire(Serializer):
    """DBOS's serializer. An exception comes back as ``Stale`` or as ``StepFailed`` with its name and text.

    Raises ``TypeError`` for what JSON cannot hold.
    """

    def name(self) -> str:
        return "fettle-json"

    def serialize(self, data: Any) -> str:  # noqa: ANN401 - DBOS's signature
        if isinstance(data, StepFailed):
            content = {"error": [data.step, data.kind, data.text]}
        elif isinstance(data, BaseException):
            content = {"error": ["", type(data).__name__, str(data)[:_LONGEST_TEXT]]}
        else:
            content = {"value": data}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def deserialize(self, serialized_data: str) -> Any:  # noqa: ANN401 - DBOS's signature
        content = json.loads(serialized_data)
        if "error" not in content:
            return content["value"]
        step, kind, text = content["error"]
        return Stale(text) if kind == Stale.__name__ else StepFailed(step, kind, text)
