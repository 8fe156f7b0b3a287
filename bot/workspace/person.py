"""A person in the workspace, for tests, demonstrations and benchmarks: what hands and eyes can do there.

::

    async with Person(url, "U0JUNIOR") as jun:
        await jun.command("/fettle status", channel="#alerts")
        message = await jun.wait_for(lambda m: "Checkout" in m.all_text, channel="#alerts")
        await jun.press(message, "Acknowledge")
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from bot.errors import NotFound, Refused
from bot.workspace.inputs import options_of
from bot.workspace.seen import Element, Outcome, SeenMessage, SeenView

Json = dict[str, Any]
_T = TypeVar("_T")

_BAD_REQUEST = 400
_NOT_FOUND = 404


class WaitedInVain(Refused):
    """Nothing fitted in time. The text tells what was there instead."""


class Person:
    """One person's hands and eyes. Channels are given by id or ``#name``; ``channel`` is where it acts by default.

    Raises NotFound for what this person does not see, and Refused with the workspace's sentence.
    """

    def __init__(self, url: str, person_id: str, *, channel: str = "#alerts", timeout: float = 10.0) -> None:
        self.id = person_id
        self.channel = channel
        self._timeout = timeout
        self._http = httpx.AsyncClient(base_url=url, timeout=60.0, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def state(self) -> Json:
        """The workspace as this person has it: people, conversations with unread counts, commands, shortcuts."""
        return await self._get("state")

    async def say(
        self,
        text: str,
        *,
        channel: str = "",
        thread: SeenMessage | str = "",
        blocks: list[Json] | None = None,
        attachments: list[Json] | None = None,
    ) -> SeenMessage:
        """Send a message; ``@Fettle`` and ``#channel`` become mentions. Blocks and attachments are for bots."""
        body: Json = {"channel": self._place(channel, thread), "text": text, "thread_ts": _thread(thread)}
        if blocks:
            body["blocks"] = blocks
        if attachments:
            body["attachments"] = attachments
        return SeenMessage((await self._post("say", body))["message"])

    async def command(self, text: str, *, channel: str = "") -> Outcome:
        """Type a slash command; returns when the app has acknowledged it, or Slack's warning is shown."""
        return _outcome(await self._post("command", {"channel": channel or self.channel, "text": text}))

    async def press(self, where: SeenMessage | SeenView, what: str) -> Outcome:
        """Press the button with this action id or label; of several the first."""
        element = where.element(what)
        return await self._act(where, element, None)

    async def choose(self, where: SeenMessage | SeenView, what: str, *labels: str) -> Outcome:
        """Choose in a select, menu, radio or checkbox group by the options' labels or values.

        People and channels are chosen by id, dates as ``YYYY-MM-DD``.
        """
        element = where.element(what)
        values = [_value(element.raw, label) for label in labels]
        several = element.raw["type"].startswith("multi_") or element.raw["type"] == "checkboxes"
        choice: object = values if several else values[0] if values else None
        return await self._act(where, element, choice)

    async def _act(self, where: SeenMessage | SeenView, element: Element, choice: object) -> Outcome:
        body: Json = {"block_id": element.block_id, "action_id": element.action_id, "choice": choice}
        if isinstance(where, SeenView):
            body["view_id"] = where.id
        else:
            body |= {"channel": where.channel, "ts": where.ts}
        return _outcome(await self._post("action", body))

    async def modal(self) -> SeenView | None:
        """The modal in front of this person."""
        raw = (await self._get("modal"))["view"]
        return SeenView(raw) if raw else None

    async def submit(self, values: Mapping[str, object] | None = None) -> Outcome:
        """Fill the modal in front, by action id, block id or label, and submit it; errors come back by block id."""
        view = await self._front()
        entered: Json = {}
        for what, value in (values or {}).items():
            element = view.element(what)
            entered.setdefault(element.block_id, {})[element.action_id] = _values(element.raw, value)
        return _outcome(await self._post("view/submit", {"view_id": view.id, "values": entered}))

    async def dismiss(self, *, everything: bool = False) -> None:
        """Close the modal in front, or all of them."""
        view = await self._front()
        await self._post("view/close", {"view_id": view.id, "everything": everything})

    async def _front(self) -> SeenView:
        view = await self.modal()
        if view is None:
            raise NotFound(f"{self.id} has no modal open.")
        return view

    async def shortcut(self, what: str, message: SeenMessage | None = None) -> Outcome:
        """Use a shortcut by its callback id or name, on a message or on the workspace."""
        known = (await self.state())["shortcuts"]
        found = next((one for one in known if what in (one["callback_id"], one["name"])), None)
        if found is None:
            raise NotFound(
                f"There is no shortcut {what}; there are {', '.join(one['name'] for one in known) or 'none'}."
            )
        body: Json = {"callback_id": found["callback_id"]}
        if message is not None:
            body |= {"channel": message.channel, "ts": message.ts}
        return _outcome(await self._post("shortcut", body))

    async def open_home(self) -> None:
        """Look at the app's Home tab; the app gets ``app_home_opened``."""
        await self._post("home", {"tab": "home"})

    async def home(self) -> SeenView | None:
        """The Home tab that the app has published for this person."""
        raw = (await self._get("home"))["view"]
        return SeenView(raw) if raw else None

    async def react(self, message: SeenMessage, name: str, *, remove: bool = False) -> None:
        """Put an emoji on a message, or take it off."""
        await self._post("react", {"channel": message.channel, "ts": message.ts, "name": name, "remove": remove})

    async def direct(self, other: str = "") -> str:
        """The id of the direct messages with somebody; by default with the app."""
        if not other:
            return str((await self.state())["app"]["direct"])
        return str((await self._post("direct", {"with": other}))["channel"])

    async def messages(self, channel: str = "") -> list[SeenMessage]:
        """The channel as this person sees it, oldest first, ephemeral messages among the rest, replies not."""
        return await self._seen(channel or self.channel, "")

    async def thread(self, parent: SeenMessage | str, channel: str = "") -> list[SeenMessage]:
        """A thread, the parent first."""
        return await self._seen(self._place(channel, parent), _thread(parent))

    async def ephemerals(self, channel: str = "") -> list[SeenMessage]:
        """What only this person sees in the channel and its threads."""
        return [one for one in await self._everything(channel or self.channel) if one.ephemeral]

    async def reload(self, message: SeenMessage) -> SeenMessage:
        """The same message as it is now. Raises NotFound when it is gone."""
        for one in await self._seen(message.channel, message.thread_ts or message.ts):
            if one.ts == message.ts:
                return one
        raise NotFound(f"The message {message.ts} is gone.")

    async def wait_for(
        self,
        fits: Callable[[SeenMessage], bool],
        *,
        channel: str = "",
        thread: SeenMessage | str = "",
        timeout: float | None = None,
    ) -> SeenMessage:
        """The newest message that fits, now or within ``timeout`` seconds: in the channel, or in one thread.

        Without a thread, replies and ephemeral messages are looked at too.
        """
        place = self._place(channel, thread)

        async def look() -> tuple[SeenMessage | None, str]:
            seen = await self._seen(place, _thread(thread)) if thread else await self._everything(place)
            found = next((one for one in reversed(seen) if fits(one)), None)
            return found, "\n".join(f"  {one.ts} {one.author}: {one.all_text[:300]!r}" for one in seen[-8:])

        return await self._wait(look, f"no message that fits in {place}", timeout)

    async def wait_for_modal(
        self, fits: Callable[[SeenView], bool] = lambda _: True, *, timeout: float | None = None
    ) -> SeenView:
        """The modal in front, once it fits."""

        async def look() -> tuple[SeenView | None, str]:
            view = await self.modal()
            return (view if view is not None and fits(view) else None), _glance(view)

        return await self._wait(look, "no modal that fits", timeout)

    async def wait_for_home(
        self, fits: Callable[[SeenView], bool] = lambda _: True, *, timeout: float | None = None
    ) -> SeenView:
        """The Home tab, once it fits."""

        async def look() -> tuple[SeenView | None, str]:
            view = await self.home()
            return (view if view is not None and fits(view) else None), _glance(view)

        return await self._wait(look, "no Home tab that fits", timeout)

    async def _wait(
        self, look: Callable[[], Awaitable[tuple[_T | None, str]]], missing: str, timeout: float | None
    ) -> _T:
        until = time.monotonic() + (self._timeout if timeout is None else timeout)
        number = 0
        while True:
            number = (await self._get("changes", since=str(10**15)))["number"]
            found, glance = await look()
            if found is not None:
                return found
            left = until - time.monotonic()
            if left <= 0:
                raise WaitedInVain(f"{self.id} saw {missing}. Instead:\n{glance or '  nothing'}")
            await self._get("changes", since=str(number), wait=f"{min(left, 20.0):.3f}")

    async def _seen(self, channel: str, thread: str) -> list[SeenMessage]:
        found = await self._get("messages", channel=channel, thread_ts=thread)
        return [SeenMessage(raw) for raw in found["messages"]]

    async def _everything(self, channel: str) -> list[SeenMessage]:
        found = await self._get("messages", channel=channel, all="1")
        return [SeenMessage(raw) for raw in found["messages"]]

    def _place(self, channel: str, thread: SeenMessage | str) -> str:
        return thread.channel if isinstance(thread, SeenMessage) else channel or self.channel

    async def _get(self, path: str, **query: str) -> Json:
        return _answer(await self._http.get(f"/ui/api/{path}", params={"as": self.id, **query}))

    async def _post(self, path: str, body: Json) -> Json:
        return _answer(await self._http.post(f"/ui/api/{path}", json={"as": self.id, **body}))


class Control:
    """Makes things go wrong on request."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, trust_env=False)

    async def fail(
        self, kind: str, *, count: int = 1, method: str = "", retry_after: int = 1, seconds: float = 30.0
    ) -> None:
        """The next ``count`` calls go wrong; the kinds are those of ``faults.FaultKind``."""
        body = {"kind": kind, "count": count, "method": method, "retry_after": retry_after, "seconds": seconds}
        _answer(await self._http.post("/ui/api/faults", json=body))

    async def clear(self) -> None:
        """No more failures."""
        _answer(await self._http.post("/ui/api/faults/clear", json={}))

    async def drop_sockets(self, *, politely: bool = False) -> int:
        """End the app's Socket Mode connections."""
        return int(_answer(await self._http.post("/ui/api/sockets/drop", json={"politely": politely}))["dropped"])

    async def close(self) -> None:
        await self._http.aclose()


def _answer(response: httpx.Response) -> Json:
    body: Json = response.json()
    if response.status_code == _NOT_FOUND:
        raise NotFound(str(body.get("error", "not found")))
    if response.status_code >= _BAD_REQUEST:
        raise Refused(str(body.get("error", response.status_code)))
    return body


def _outcome(body: Json) -> Outcome:
    return Outcome(bool(body["ok"]), str(body["error"]), dict(body["errors"]))


def _thread(thread: SeenMessage | str) -> str:
    return (thread.thread_ts or thread.ts) if isinstance(thread, SeenMessage) else thread


def _value(element: Json, label: str) -> str:
    for option in options_of(element):
        if label in (option["value"], option["text"]["text"]):
            return str(option["value"])
    for name in ("positive_button", "negative_button"):
        if element.get(name, {}).get("text", {}).get("text") == label:
            return str(element[name]["value"])
    return label


def _values(element: Json, value: object) -> object:
    if isinstance(value, list | tuple):
        return [_value(element, str(one)) for one in value]
    return None if value is None else _value(element, str(value))


def _glance(view: SeenView | None) -> str:
    return f"  {view.title}: {view.all_text[:600]!r}" if view else ""
