"""How the stand-in says no: with Slack's own error codes."""

from bot.errors import FettleError


class SlackRefusal(FettleError):
    """An answer ``{"ok": false, "error": code}``.

    ``messages`` are Slack's explanations (``must be less than 3001 characters [json-pointer:/blocks/0/text/text]``),
    ``status`` is the HTTP status, ``retry_after`` seconds for the header of that name.
    """

    def __init__(
        self,
        code: str,
        messages: tuple[str, ...] = (),
        *,
        status: int = 200,
        retry_after: int | None = None,
        needed: str = "",
    ) -> None:
        super().__init__(f"{code}: {'; '.join(messages)}" if messages else code)
        self.code = code
        self.messages = messages
        self.status = status
        self.retry_after = retry_after
        self.needed = needed

    def body(self) -> dict[str, object]:
        """The JSON body that Slack would send."""
        body: dict[str, object] = {"ok": False, "error": self.code}
        if self.needed:
            body["needed"] = self.needed
        if self.messages:
            body["errors"] = list(self.messages)
            body["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return body
