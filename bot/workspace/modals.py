"""Modals and home tabs: opened by a trigger, at most three deep, changed only by who knows their hash."""

from collections.abc import Callable
from typing import Any

from bot.workspace import inputs, payloads
from bot.workspace.feed import Feed
from bot.workspace.ids import Ids
from bot.workspace.limits import STACK_DEPTH, check_view
from bot.workspace.posting import Posting
from bot.workspace.records import Trigger, View
from bot.workspace.refusal import SlackRefusal
from bot.workspace.state import State
from bot.workspace.timing import Timing

Json = dict[str, Any]


class Modals:
    """Every person's stack of modals, and the home tab that the app has published for each."""

    def __init__(
        self, state: State, feed: Feed, posting: Posting, ids: Ids, clock: Callable[[], float], timing: Timing
    ) -> None:
        self._state = state
        self._feed = feed
        self._posting = posting
        self._ids = ids
        self._clock = clock
        self._timing = timing
        self._triggers: dict[str, Trigger] = {}

    def trigger(self, person: str, modal: str = "") -> str:
        """A new ``trigger_id`` for something that this person did, perhaps in a modal."""
        now = self._clock()
        self._triggers = {key: one for key, one in self._triggers.items() if one.expires > now - 600}
        key = self._ids.trigger()
        self._triggers[key] = Trigger(person, now + self._timing.trigger, modal)
        return key

    def _use(self, trigger_id: str) -> Trigger:
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise SlackRefusal("invalid_trigger_id")
        if trigger.used:
            raise SlackRefusal("exchanged_trigger_id")
        if self._clock() > trigger.expires:
            raise SlackRefusal("expired_trigger_id")
        trigger.used = True
        return trigger

    def open(self, trigger_id: str, view: object) -> View:
        body = check_view(view, self._state.known_file)
        self._refuse_known_external_id(body)
        trigger = self._use(trigger_id)
        for view_id in self._state.stacks.pop(trigger.person, []):
            self._state.views.pop(view_id, None)
        return self._add(trigger.person, body)

    def push(self, trigger_id: str, view: object) -> View:
        body = check_view(view, self._state.known_file)
        self._refuse_known_external_id(body)
        trigger = self._use(trigger_id)
        stack = self._state.stacks.get(trigger.person, [])
        if not trigger.modal or trigger.modal not in stack:
            raise SlackRefusal("not_found", ("a view is pushed from within an open modal",))
        return self.push_for(trigger.person, body)

    def push_for(self, person: str, body: Json) -> View:
        """As ``push``, for an answer with ``response_action``."""
        if len(self._state.stacks.get(person, [])) >= STACK_DEPTH:
            raise SlackRefusal("push_limit_reached")
        return self._add(person, body)

    def update(self, view: object, *, view_id: str, external_id: str, known_hash: str) -> View:
        shown = self._find(view_id, external_id)
        if known_hash and known_hash != shown.body["hash"]:
            raise SlackRefusal("hash_conflict")
        body = check_view(view, self._state.known_file, kinds=(shown.body["type"],))
        self.replace(shown, body)
        return shown

    def replace(self, shown: View, body: Json) -> None:
        """The view shows this from now on; what the person entered stays where ids stay."""
        kept = ("id", "root_view_id", "previous_view_id")
        shown.body = self._frame(body) | {name: shown.body[name] for name in kept}
        self._tell(shown)

    def publish(self, person: str, view: object, known_hash: str) -> View:
        body = check_view(view, self._state.known_file, kinds=("home",))
        home = self._state.homes.get(person)
        if known_hash and (home is None or known_hash != home.body["hash"]):
            raise SlackRefusal("hash_conflict")
        view_id = home.id if home else self._ids.slack("V")
        frame = self._frame(body) | {"id": view_id, "root_view_id": view_id, "previous_view_id": None}
        home = View(view_id, person, frame)
        self._state.keep_home(home)
        self._tell(home)
        return home

    def close(self, view: View, *, everything: bool) -> list[View]:
        """Closes the top view, or the person's whole stack; gives those that are gone, top first."""
        stack = self._state.stacks.get(view.person, [])
        count = len(stack) if everything else 1
        gone = [self._state.views.pop(stack.pop()) for _ in range(min(count, len(stack)))]
        self.tell_stack(view.person)
        return gone

    def top(self, person: str) -> View | None:
        """The modal in front of this person."""
        stack = self._state.stacks.get(person, [])
        return self._state.views[stack[-1]] if stack else None

    def shown(self, view: View) -> Json:
        """The view as payloads and the API give it out."""
        values = inputs.state_values(view.body["blocks"], view.inputs)
        return payloads.view(self._state.seed, view, values)

    def tell_stack(self, person: str) -> None:
        """Tell a person's page which modal is in front now, if any."""
        top = self.top(person)
        depth = len(self._state.stacks.get(person, []))
        told = {"kind": "modal", "view": self.shown(top) if top else None, "depth": depth}
        self._feed.publish(told, frozenset({person}))

    def _add(self, person: str, body: Json) -> View:
        stack = self._state.stacks.setdefault(person, [])
        view_id = self._ids.slack("V")
        place = {
            "id": view_id,
            "root_view_id": stack[0] if stack else view_id,
            "previous_view_id": stack[-1] if stack else None,
        }
        view = View(view_id, person, self._frame(body) | place)
        self._state.views[view_id] = view
        stack.append(view_id)
        self.tell_stack(person)
        return view

    def _frame(self, body: Json) -> Json:
        return {
            "type": body["type"],
            "title": body.get("title") or {"type": "plain_text", "text": "View Title"},
            "submit": body.get("submit"),
            "close": body.get("close"),
            "blocks": self._posting.fill_ids(body["blocks"]),
            "private_metadata": body.get("private_metadata") or "",
            "callback_id": body.get("callback_id") or "",
            "external_id": body.get("external_id") or "",
            "notify_on_close": bool(body.get("notify_on_close")),
            "clear_on_close": bool(body.get("clear_on_close")),
            "submit_disabled": bool(body.get("submit_disabled")),
            "hash": f"{int(self._clock())}.{self._ids.secret()[:8]}",
        }

    def _find(self, view_id: str, external_id: str) -> View:
        everything = [*self._state.views.values(), *self._state.homes.values()]
        for view in everything:
            if view.id == view_id or (external_id and view.body["external_id"] == external_id):
                return view
        raise SlackRefusal("not_found")

    def _refuse_known_external_id(self, body: Json) -> None:
        external_id = body.get("external_id")
        if external_id and any(view.body["external_id"] == external_id for view in self._state.views.values()):
            raise SlackRefusal("duplicate_external_id")

    def _tell(self, view: View) -> None:
        if view.body["type"] == "home":
            self._feed.publish({"kind": "home", "view": self.shown(view)}, frozenset({view.person}))
        else:
            self.tell_stack(view.person)
