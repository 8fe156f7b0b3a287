"""Whether Slack lets Fettle in, with every scope, into its channels, and whether the people with roles exist."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.config import Config
from bot.doctor.finding import Finding, broken, fine, odd
from bot.settings import Secret, Settings

SECONDS = 10
MOST_PAGES = 20
AGAIN = "Reinstall the app to the workspace after changing its scopes (OAuth & Permissions), and use the new token."

# Each bot scope of slack-manifest.yaml with what fails without it.
SCOPES: Mapping[str, str] = {
    "app_mentions:read": "mentions are not heard",
    "channels:history": "threads cannot be read, so a crash while posting could post twice",
    "channels:read": "channels cannot be found by name",
    "chat:write": "nothing can be posted",
    "commands": "/fettle does nothing",
    "files:write": "pictures of metrics cannot be uploaded",
    "groups:history": "threads in private channels cannot be read",
    "groups:read": "private channels cannot be found by name",
    "im:history": "direct messages are not heard",
    "im:write": "nobody can be written to directly",
    "usergroups:read": "roles cannot come from user groups",
    "users:read": "names and time zones are not known",
}
FAULTS = (SlackApiError, SlackClientError, aiohttp.ClientError, TimeoutError, OSError)
MEANINGS = {
    "invalid_auth": (
        "Slack does not know the token",
        "Copy it again from the app's page; SLACK_API_URL must be Slack's own.",
    ),
    "not_authed": ("no token arrived", "Set the variable to the token itself."),
    "token_revoked": ("the token was revoked", "Reinstall the app to the workspace and use the new token."),
    "token_expired": ("the token has expired", "Turn token rotation off, or use the new token."),
    "account_inactive": ("the app was removed from the workspace", "Install it again and use the new token."),
    "not_allowed_token_type": (
        "it is the wrong kind of token",
        "SLACK_BOT_TOKEN begins with xoxb-, SLACK_APP_TOKEN with xapp-.",
    ),
    "missing_scope": ("a scope is missing", AGAIN),
    "ratelimited": ("Slack asks to wait", "Try again in a minute."),
}


async def check(settings: Settings, config: Config | None) -> list[Finding]:
    """Everything about Slack; what needs a working token is left out when there is none."""
    app = await _app_token(settings)
    if settings.slack_bot_token is None:
        mend = "Create the app from slack-manifest.yaml (api.slack.com/apps), install it, and set SLACK_BOT_TOKEN."
        return [broken("SLACK_BOT_TOKEN", "is not set", mend), *app]
    client = _client(settings, settings.slack_bot_token)
    try:
        who = await client.auth_test()
    except FAULTS as failure:
        return [_failed("SLACK_BOT_TOKEN", failure, settings), *app]
    name = f"{who.get('user', '?')} in {who.get('team', '?')}"
    found = [fine("SLACK_BOT_TOKEN", f"Slack knows it as {name}"), *_scopes(who.headers), *app]
    if config is None:
        return found
    channels, people = await asyncio.gather(_channels(client, config, settings), _roles(client, config, settings))
    return [*found, *channels, *people]


def _client(settings: Settings, token: Secret) -> AsyncWebClient:
    return AsyncWebClient(token=token.reveal(), base_url=settings.slack_api_url, timeout=SECONDS)


async def _app_token(settings: Settings) -> list[Finding]:
    if settings.slack_app_token is None:
        return []
    try:
        await _client(settings, settings.slack_app_token).apps_connections_open(
            app_token=settings.slack_app_token.reveal()
        )
    except FAULTS as failure:
        return [_failed("SLACK_APP_TOKEN", failure, settings)]
    return [fine("SLACK_APP_TOKEN", "Socket Mode opens")]


def _scopes(headers: Mapping[str, Any]) -> list[Finding]:
    given = next((str(value) for name, value in headers.items() if name.lower() == "x-oauth-scopes"), None)
    if given is None:
        return [odd("scopes", "this server does not say which scopes the token has")]
    have = {scope.strip() for scope in given.split(",")}
    missing = [
        broken(f"scope {scope}", f"is missing: {meaning}", AGAIN)
        for scope, meaning in SCOPES.items()
        if scope not in have
    ]
    return missing or [fine("scopes", f"all {len(SCOPES)} are there")]


async def _channels(client: AsyncWebClient, config: Config, settings: Settings) -> list[Finding]:
    watched = (one.channel for one in config.watch)
    wanted = dict.fromkeys(
        name for name in (config.house.alerts_channel, config.house.approvals_channel, *watched) if name
    )
    listed: dict[str, Mapping[str, Any]] = {}
    cursor = ""
    try:
        for _ in range(MOST_PAGES):
            page = await client.conversations_list(
                types="public_channel,private_channel", exclude_archived=True, limit=200, cursor=cursor or None
            )
            channels: list[Mapping[str, Any]] = page.get("channels", [])
            for one in channels:
                listed[one["id"]] = listed[f"#{one['name']}"] = one
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                break
    except FAULTS as failure:
        return [_failed("channels", failure, settings)]
    return [_channel(name, listed.get(name)) for name in wanted]


def _channel(name: str, channel: Mapping[str, Any] | None) -> Finding:
    about = f"channel {name}"
    if channel is None:
        mend = "Create it, correct channels in fettle.yaml, or, if it is private, invite Fettle there first."
        return broken(about, "there is none, or Fettle cannot see it", mend)
    shown = f"#{channel['name']}"
    if not channel.get("is_member"):
        return broken(about, f"Fettle is not in {shown}", f"In {shown} type: /invite @Fettle")
    return fine(about, f"Fettle is in {shown}")


async def _roles(client: AsyncWebClient, config: Config, settings: Settings) -> list[Finding]:
    found = []
    for role, members in config.roles.items():
        about = f"role {role}"
        people: set[str] = set()
        wrong: list[Finding] = []
        for group in members.groups:
            try:
                people.update((await client.usergroups_users_list(usergroup=group)).get("users", []))
            except FAULTS as failure:
                wrong.append(_failed(f"{about}, group {group}", failure, settings))
        for user in members.users:
            try:
                profile = (await client.users_info(user=user))["user"]
            except FAULTS as failure:
                wrong.append(_failed(f"{about}, person {user}", failure, settings))
                continue
            if profile.get("deleted") or profile.get("is_bot"):
                what = "was deactivated" if profile.get("deleted") else "is a bot"
                wrong.append(odd(about, f"{user} {what}", "Take them out of roles in fettle.yaml."))
            else:
                people.add(user)
        found += wrong
        if people:
            found.append(fine(about, "1 person" if len(people) == 1 else f"{len(people)} people"))
        elif not wrong:
            found.append(odd(about, "nobody has it", f"Add people or user groups under roles.{role} in fettle.yaml."))
    return found


def _failed(about: str, failure: Exception, settings: Settings) -> Finding:
    if not isinstance(failure, SlackApiError):
        said = str(failure) or type(failure).__name__
        mend = "Check the network, a proxy (HTTPS_PROXY), and SLACK_API_URL."
        return broken(about, f"{settings.slack_api_url} does not answer: {said}", mend)
    answer = failure.response
    code = str(answer.get("error", "no error code")) if hasattr(answer, "get") else str(answer)
    needed = str(answer.get("needed", "")) if hasattr(answer, "get") else ""
    meaning, mend = MEANINGS.get(code, (f"Slack says {code}", "Slack's API documentation explains the code."))
    return broken(about, f"{meaning}{f' ({needed})' if needed else ''}", mend)
