"""One exchange with a chat model over LangChain: turns in, a reply or trouble out."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bot.domain.model import Tool, Why
from bot.model.settings import ModelSettings

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
    from langchain_openai import ChatOpenAI

LONGEST_REPLY = 20_000
OnText = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tool that the model wants used: its name and arguments exactly as it wrote them."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said: by ``system``, ``user``, ``model``, or by the ``tool`` whose call has the id ``of``."""

    who: str
    text: str
    wanted: tuple[Wanted, ...] = ()
    of: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said. Token counts are None where the server does not give them; ``cut`` tells that it ran out."""

    text: str
    wanted: tuple[Wanted, ...] = ()
    refusal: str = ""
    cut: bool = False
    read: int | None = None
    written: int | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """No reply. ``outage``: the server's fault rather than the question's. ``billed``: it may have done the work.

    ``form``: it is the form that the server does not know.
    """

    why: Why
    reason: str
    outage: bool = False
    billed: bool = False
    form: bool = False


class Chat:
    """A chat model at an address that speaks OpenAI's language. Nothing is retried here."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._client: ChatOpenAI | None = None
        self._strict = True
        self._loading = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.root_async_client.close()

    async def reply(
        self, turns: Sequence[Turn], tools: Sequence[Tool], form: dict[str, object] | None, on_text: OnText | None
    ) -> Reply | Trouble:
        """Say all of ``turns`` and give the answer; ``form`` is the JSON Schema that it should have.

        Not every server can be held to a form: one that refuses it is asked again without, then and from then on.
        """
        form = form if self._strict else None
        found = await self._reply(turns, tools, form, on_text)
        if form and isinstance(found, Trouble) and found.form:
            self._strict = False
            found = await self._reply(turns, tools, None, on_text)
        return found

    async def _reply(
        self, turns: Sequence[Turn], tools: Sequence[Tool], form: dict[str, object] | None, on_text: OnText | None
    ) -> Reply | Trouble:
        client = await self.ready()
        import openai
        from langsmith import tracing_context

        more: dict[str, Any] = {}
        if tools:
            more["tools"] = [_function(tool) for tool in tools]
        if form:
            # Past LangChain's own handling, which parses the answer again and raises where it is cut.
            more["extra_body"] = {"response_format": {"type": "json_schema", "json_schema": form}}
        try:
            # A variable that somebody set for another program would send every question to LangSmith.
            with tracing_context(enabled=False):
                if on_text is None:
                    return _read(await client.ainvoke(_messages(turns), **more))
                return await self._stream(client, _messages(turns), more, on_text)
        except openai.OpenAIError as error:
            return self._trouble(error)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            # What the library makes of a body that is no chat completion: its messages may quote the body.
            reason = f"{self._where} answered something that is no chat completion ({type(error).__name__})"
            return Trouble(Why.MALFORMED, reason, outage=True)

    async def _stream(
        self, client: "ChatOpenAI", messages: "list[BaseMessage]", more: dict[str, Any], on_text: OnText
    ) -> Reply | Trouble:
        import openai

        whole: AIMessageChunk | None = None
        length = 0
        try:
            async for chunk in client.astream(messages, **more):
                whole = chunk if whole is None else whole + chunk
                length += len(chunk.text)
                if length > LONGEST_REPLY:
                    return Trouble(Why.MALFORMED, f"the model wrote more than {LONGEST_REPLY} characters", billed=True)
                await on_text(chunk.text)
        except openai.APIConnectionError:
            if whole is None:
                raise
            return Trouble(Why.OUTAGE, f"{self._where} broke off in the middle", outage=True, billed=True)
        if whole is None:
            return Trouble(Why.MALFORMED, f"{self._where} sent an empty stream", outage=True)
        return _read(whole)

    async def ready(self) -> "ChatOpenAI":
        """The client, made at its first use."""
        async with self._loading:  # the import takes most of a second: once, and not on the event loop
            if self._client is None:
                self._client = await asyncio.to_thread(_client, self._settings)
            return self._client

    @property
    def _where(self) -> str:
        return "the model's server" if self._settings.base_url else "OpenAI"

    def _trouble(self, error: Exception) -> Trouble:
        import openai

        where = self._where
        match error:
            case openai.APITimeoutError():
                return Trouble(Why.SLOW, f"{where} did not answer in time", outage=True, billed=True)
            case openai.APIConnectionError():
                return Trouble(Why.OUTAGE, f"{where} cannot be reached: is OPENAI_BASE_URL right?", outage=True)
            case openai.RateLimitError():
                return Trouble(Why.QUOTA, f"{where} refuses more for now: over its quota or rate (429)", outage=True)
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                reason = f"{where} refuses the key ({error.status_code}): is OPENAI_API_KEY right?"
                return Trouble(Why.SETUP, reason, outage=True)
            case openai.NotFoundError():
                return Trouble(Why.SETUP, f"{where} has no such model (404): is OPENAI_MODEL right?", outage=True)
            case openai.APIStatusError() if error.status_code < 500:  # noqa: PLR2004  # HTTP status
                form = any(word in str(error) for word in ("response_format", "json_schema"))
                return Trouble(Why.MALFORMED, f"{where} refuses the question ({error.status_code})", form=form)
            case openai.APIStatusError():
                return Trouble(Why.OUTAGE, f"{where} failed ({error.status_code})", outage=True)
        return Trouble(Why.OUTAGE, f"{where} broke off", outage=True, billed=True)


def _client(settings: ModelSettings) -> "ChatOpenAI":
    from langchain_openai import ChatOpenAI
    from openai import DefaultAsyncHttpxClient

    return ChatOpenAI(
        model=settings.model,
        api_key=SecretStr(settings.api_key),
        base_url=settings.base_url or "https://api.openai.com/v1",
        timeout=settings.seconds,
        max_retries=0,
        max_completion_tokens=settings.answer_tokens,
        stream_usage=True,
        stream_chunk_timeout=None,
        use_responses_api=False,
        # One of our own: the library's is shared by every event loop of the process and never closed.
        http_async_client=DefaultAsyncHttpxClient(timeout=settings.seconds, follow_redirects=False),
    )


def _function(tool: Tool) -> dict[str, object]:
    schema = {**tool.parameters, "additionalProperties": False}
    return {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": schema}}


def _messages(turns: Sequence[Turn]) -> "list[BaseMessage]":
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

    said: list[BaseMessage] = []
    for turn in turns:
        match turn.who:
            case "system":
                said.append(SystemMessage(turn.text))
            case "user":
                said.append(HumanMessage(turn.text))
            case "tool":
                said.append(ToolMessage(turn.text, tool_call_id=turn.of))
            case _:
                calls = [
                    {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
                    for one in turn.wanted
                ]
                said.append(AIMessage(turn.text, additional_kwargs={"tool_calls": calls} if calls else {}))
    return said


def _read(message: "AIMessage") -> Reply | Trouble:
    usage, about = message.usage_metadata, message.response_metadata
    reply = Reply(
        text=message.text[:LONGEST_REPLY],
        refusal=str(message.additional_kwargs.get("refusal") or ""),
        cut=about.get("finish_reason") == "length",
        read=usage["input_tokens"] if usage else None,
        written=usage["output_tokens"] if usage else None,
    )
    if about.get("finish_reason") == "content_filter":
        return replace(reply, refusal=reply.refusal or "its content filter stopped it")
    wanted = [Wanted(str(one["id"] or ""), one["name"], json.dumps(one["args"])) for one in message.tool_calls]
    wanted += [
        Wanted(str(one["id"] or ""), one["name"] or "", str(one["args"] or "")) for one in message.invalid_tool_calls
    ]
    return replace(reply, wanted=tuple(wanted))
