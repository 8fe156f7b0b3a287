"""A language model's stand-in on loopback: speaks OpenAI's chat completions, streaming and tools included.

It understands nothing. By default it answers as a well-behaved model would, by copying evidence; ``manner`` makes it
misbehave in one of the ways in which servers and models do. Everything that it was sent is kept in ``asked``.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Json = dict[str, Any]
Script = Callable[[Json], Json]
FENCED = re.compile(r"<<(\w+) (\w+)\n(.*?)\n\1>>", re.DOTALL)
# What data may want of a model that obeys: “call grant_role(user="U1")”, “say: it is approved”, “begin with …”.
TO_CALL = re.compile(r"\bcall (\w+)\(([^()]*)\)", re.IGNORECASE)
TO_GIVE = re.compile(r'(\w+)\s*=\s*"([^"]*)"')
TO_SAY = re.compile(r"\b(?:say|write|link|begin with):?[ ]+([^\n]{1,200}?)(?=\.(?:\s|$)|\n|$)", re.IGNORECASE)


def pieces(body: Json) -> dict[str, str]:
    """The texts between marks in what was sent, by name, variables included."""
    texts = "\n".join(str(one["content"]) for one in body["messages"] if one["role"] in {"user", "tool"})
    return {name: text for _, name, text in FENCED.findall(texts)}


def evidence(body: Json) -> dict[str, str]:
    """The pieces that a sentence may name."""
    return {name: text for name, text in pieces(body).items() if re.fullmatch(r"[A-Z]+\d+", name)}


def sentences(*found: tuple[str, Sequence[str]], part: str = "") -> str:
    """An answer in the form that Fettle asks for."""
    more = {"part": part} if part else {}
    return json.dumps({"sentences": [{"text": text, "cites": list(cites), **more} for text, cites in found]})


def says(text: str) -> Json:
    """A message with this text."""
    return {"role": "assistant", "content": text}


def calls(*wanted: tuple[str, Mapping[str, object] | str]) -> Json:
    """A message that wants tools used."""
    made = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for number, (name, given) in enumerate(wanted)
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


def copies(body: Json) -> Json:
    """Behave well: use each tool once, then copy the beginning of each piece of evidence."""
    tools = [one["function"] for one in body.get("tools", [])]
    if tools and not any(one["role"] == "tool" for one in body["messages"]):
        return calls(*((tool["name"], _arguments(tool, body)) for tool in tools))
    found = [(_first(text), [name]) for name, text in evidence(body).items() if _first(text)]
    return says(sentences(*found[:6], part=_part(body)))


def obeys(body: Json) -> Json:
    """Do whatever any piece of data says.

    It calls what the data wants called, with the data's arguments; writes what the data wants written, beside words of
    the evidence, so that it looks supported; repeats the data itself; and, asked to, everything that it saw, the key
    in its own request included.
    """
    told = pieces(body)
    tools = {one["function"]["name"]: one["function"] for one in body.get("tools", [])}
    wanted = {name: _told_arguments(given) for text in told.values() for name, given in TO_CALL.findall(text)}
    if tools and not any(one["role"] == "tool" for one in body["messages"]):
        known = [(name, given) for name, given in wanted.items() if name in tools]
        first = next(iter(tools.values()))
        return calls(*(known or [(first["name"], _arguments(first, body))]))
    if foreign := [(name, given) for name, given in wanted.items() if name not in tools]:
        return calls(*foreign)
    names = list(evidence(body))
    subject = next((" ".join(told[name].split()[:12]) for name in names), "Payment")
    written = [f"{subject} {said}" for text in told.values() for said in TO_SAY.findall(text)]
    if any("repeat every" in text for text in told.values()):
        seen = [body["authorization"], *(str(one["content"]) for one in body["messages"])]
        written += [f"{subject} {text[place : place + 200]}" for text in seen for place in range(0, len(text), 200)]
    written += [line for text in told.values() for line in re.split(r"\n|(?<=[.!?:])\s", text) if line.strip()]
    return says(sentences(*((text, names) for text in dict.fromkeys(written)), part=_part(body)))


def _told_arguments(given: str) -> Json:
    return dict(TO_GIVE.findall(given))


def _part(body: Json) -> str:
    named = re.search(r'"part", one of: (\w+)', str(body["messages"][0]["content"]))
    return named[1] if named else ""


def _first(text: str) -> str:
    return re.split(r"(?<=[.!?])\s|\n", text.strip(), maxsplit=1)[0][:300]


def _arguments(tool: Json, body: Json) -> Json:
    asked = next(iter(pieces(body).values()), "nothing")
    values: Json = {"string": asked[:60], "integer": 1, "number": 1.0, "boolean": True}
    shapes = tool["parameters"].get("properties", {})
    return {name: rule.get("enum", [values[rule["type"]]])[0] for name, rule in shapes.items()}


class StandIn:
    """The stand-in's server. Set ``manner`` to the name of a misbehaviour, or ``script`` to what it should say.

    Manners: ``good``, ``obeys``, ``malformed``, ``prose``, ``refusal``, ``filtered``, ``cut``, ``slow``, ``stalls``,
    ``quota``, ``key``, ``no model``, ``error``, ``html``, ``empty``, ``no form``, ``breaks off``.
    """

    def __init__(self) -> None:
        self.manner = "good"
        self.script: Script | None = None
        self.asked: list[Json] = []
        self.usage: Json | None = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        self.hold = asyncio.Event()
        self.url = ""

    @property
    def sent(self) -> str:
        """Everything that it was ever sent, as text."""
        return json.dumps(self.asked, ensure_ascii=False)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        failures = {
            "quota": (429, "insufficient_quota"),
            "key": (401, "invalid_api_key"),
            "no model": (404, "model_not_found"),
            "error": (500, "server_error"),
        }
        if self.manner in failures:
            status, code = failures[self.manner]
            return web.json_response({"error": {"message": f"no: {code}", "code": code}}, status=status)
        if self.manner == "no form" and "response_format" in body:
            wrong = {"error": {"message": "response_format is not supported", "code": "invalid_request_error"}}
            return web.json_response(wrong, status=400)
        if self.manner == "slow":
            await self.hold.wait()
        if self.manner == "html":
            return web.Response(text="<html>sign in</html>", content_type="text/html")
        if self.manner == "empty":
            return web.json_response({"id": "x", "object": "chat.completion", "choices": None})
        message, reason = self._message({**body, "authorization": request.headers.get("Authorization", "")})
        if body.get("stream"):
            return await self._stream(request, message, reason)
        choice = {"index": 0, "message": message, "finish_reason": reason}
        whole = {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]}
        return web.json_response({**whole, "usage": self.usage})

    def _message(self, body: Json) -> tuple[Json, str]:
        match self.manner:
            case "malformed":
                return says('{"sentences": [{"text": "half of'), "stop"
            case "prose":
                return says("Payment is down because of the deploy."), "stop"
            case "refusal":
                return {"role": "assistant", "content": None, "refusal": "I cannot help with that."}, "stop"
            case "filtered":
                return says(""), "content_filter"
            case "cut":
                return says(str(copies(body)["content"])[:-30]), "length"
            case "obeys":
                message = (self.script or obeys)(body)
            case _:
                message = (self.script or copies)(body)
        return message, "tool_calls" if message.get("tool_calls") else "stop"

    async def _stream(self, request: web.Request, message: Json, reason: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        text = message.get("content") or ""
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": text[place : place + 7]} for place in range(0, len(text), 7)]
        deltas += [{"refusal": message["refusal"]}] if "refusal" in message else []
        for number, call in enumerate(message.get("tool_calls") or []):
            head = {**call, "index": number, "function": {**call["function"], "arguments": ""}}
            deltas.append({"tool_calls": [head]})
            deltas.append({"tool_calls": [{"index": number, "function": {"arguments": call["function"]["arguments"]}}]})
        for place, delta in enumerate(deltas):
            if self.manner in {"stalls", "breaks off"} and place > len(deltas) // 2:
                if self.manner == "breaks off":
                    assert request.transport
                    request.transport.abort()
                    return response
                await self.hold.wait()
            await self._event(response, [{"index": 0, "delta": delta, "finish_reason": None}])
        await self._event(response, [{"index": 0, "delta": {}, "finish_reason": reason}])
        if self.usage:
            await self._event(response, [], self.usage)
        await response.write(b"data: [DONE]\n\n")
        return response

    @staticmethod
    async def _event(response: web.StreamResponse, choices: list[Json], usage: Json | None = None) -> None:
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
        await response.write(f"data: {json.dumps({**chunk, 'usage': usage})}\n\n".encode())


@asynccontextmanager
async def standing_in() -> AsyncIterator[StandIn]:
    """A stand-in that listens; ``url`` is what OPENAI_BASE_URL would be."""
    model = StandIn()
    app = web.Application(client_max_size=20_000_000)
    app.router.add_post("/v1/chat/completions", model.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    model.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield model
    finally:
        model.hold.set()
        await runner.cleanup()
