"""The payloads that Slack sends to an app. Pure: everything that varies is an argument."""

from typing import Any

from bot.workspace.records import Conversation, View
from bot.workspace.seed import Seed

Json = dict[str, Any]

VERIFICATION_TOKEN = "local-verification-token"  # noqa: S105 - Slack's deprecated token; signatures replaced it


def user(seed: Seed, user_id: str) -> Json:
    """The ``user`` of an interaction."""
    name = next((person.name for person in seed.people if person.id == user_id), user_id)
    return {"id": user_id, "username": name, "name": name, "team_id": seed.team_id}


def _common(seed: Seed, kind: str, user_id: str) -> Json:
    return {
        "type": kind,
        "team": {"id": seed.team_id, "domain": seed.team_domain},
        "user": user(seed, user_id),
        "api_app_id": seed.app.id,
        "token": VERIFICATION_TOKEN,
        "is_enterprise_install": False,
        "enterprise": None,
    }


def channel_label(conversation: Conversation) -> str:
    """A conversation's name as payloads give it."""
    return {"im": "directmessage", "group": "privategroup"}.get(conversation.kind, conversation.name)


def command(seed: Seed, user_id: str, where: Conversation, name: str, text: str) -> Json:
    """A slash command, still without ``trigger_id`` and ``response_url``."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": seed.team_id,
        "team_domain": seed.team_domain,
        "channel_id": where.id,
        "channel_name": channel_label(where),
        "user_id": user_id,
        "user_name": user(seed, user_id)["name"],
        "command": name,
        "text": text,
        "api_app_id": seed.app.id,
        "is_enterprise_install": "false",
    }


def message_actions(
    seed: Seed, user_id: str, where: Conversation, message: Json, action: Json, *, ephemeral: bool
) -> Json:
    """``block_actions`` from a message. Of an ephemeral message Slack does not send the message itself."""
    container: Json = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": where.id,
        "is_ephemeral": ephemeral,
    }
    if "thread_ts" in message:
        container["thread_ts"] = message["thread_ts"]
    payload = _common(seed, "block_actions", user_id) | {
        "container": container,
        "channel": {"id": where.id, "name": channel_label(where)},
        "actions": [action],
        "state": {"values": {}},
    }
    return payload if ephemeral else payload | {"message": message}


def view_actions(seed: Seed, user_id: str, view: Json, action: Json) -> Json:
    """``block_actions`` from a modal or the home tab."""
    return _common(seed, "block_actions", user_id) | {
        "container": {"type": "view", "view_id": view["id"]},
        "view": view,
        "actions": [action],
    }


def view_submission(seed: Seed, user_id: str, view: Json) -> Json:
    """A modal was submitted; the trigger and the state are the caller's."""
    return _common(seed, "view_submission", user_id) | {"view": view, "response_urls": []}


def view_closed(seed: Seed, user_id: str, view: Json, *, cleared: bool) -> Json:
    """A modal was dismissed; ``cleared`` when the whole stack was."""
    return _common(seed, "view_closed", user_id) | {"view": view, "is_cleared": cleared}


def message_shortcut(seed: Seed, user_id: str, where: Conversation, message: Json, callback_id: str, ts: str) -> Json:
    """A shortcut from a message's menu."""
    return _common(seed, "message_action", user_id) | {
        "callback_id": callback_id,
        "action_ts": ts,
        "message_ts": message["ts"],
        "message": message,
        "channel": {"id": where.id, "name": channel_label(where)},
    }


def global_shortcut(seed: Seed, user_id: str, callback_id: str, ts: str) -> Json:
    """A shortcut from the workspace's menu."""
    return _common(seed, "shortcut", user_id) | {"callback_id": callback_id, "action_ts": ts}


def event(seed: Seed, body: Json, event_id: str, now: int) -> Json:
    """The Events API's wrapping of one event."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": seed.team_id,
        "context_team_id": seed.team_id,
        "context_enterprise_id": None,
        "api_app_id": seed.app.id,
        "event": body,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": now,
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": seed.team_id,
                "user_id": seed.app.user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }


def view(seed: Seed, shown: View, values: Json) -> Json:
    """A view as the API and the payloads give it out, with what the person entered in ``state.values``."""
    return shown.body | {
        "team_id": seed.team_id,
        "app_id": seed.app.id,
        "app_installed_team_id": seed.team_id,
        "bot_id": seed.app.bot_id,
        "state": {"values": values},
    }
