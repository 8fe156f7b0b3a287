"""What it means when Slack says no, or nothing: what to do next, and words for whoever reads why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError, SlackRequestError

# What is raised when no answer came: nobody knows whether the call was carried out.
NO_ANSWER = (TimeoutError, ClientError, OSError)
MOST_SECONDS = 600.0
MOST_MESSAGES = 5


class Means(StrEnum):
    """What a refusal means for the message that it is about."""

    GONE = "gone"
    """It is no longer in Slack, or nobody can change it any more: it is posted anew."""
    NO_THREAD = "no thread"
    """The message that it belongs under is no longer there."""
    ELSEWHERE = "elsewhere"
    """Not at that place, or not for that person there: another place may do."""
    SLOWER = "slower"
    """Too many calls: the same later. Nothing happened."""
    AWAY = "away"
    """Slack as a whole, or our access to it: the same later, with every other message."""
    AGAIN = "again"
    """It may be a passing fault, or this very message: the same a few times more."""
    PICTURE = "picture"
    """Slack does not show that file, or not yet: it is made ready after the upload."""
    OVER = "over"
    """Whoever it was for has left: there is nothing to do."""
    NEVER = "never"
    """Slack will never take it like this."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Slack said: its code, what it means, a sentence, and for ``SLOWER`` how many seconds to wait."""

    code: str
    means: Means
    reason: str
    wait: float = 0.0


_MEANS: Mapping[str, Means] = {
    **dict.fromkeys(("message_not_found", "cant_update_message"), Means.GONE),
    **dict.fromkeys(("thread_not_found", "cannot_reply_to_message"), Means.NO_THREAD),
    **dict.fromkeys(
        ("channel_not_found", "not_in_channel", "is_archived", "user_not_in_channel", "restricted_action"),
        Means.ELSEWHERE,
    ),
    **dict.fromkeys(("ratelimited", "rate_limited"), Means.SLOWER),
    **dict.fromkeys(
        (
            "service_unavailable",
            "team_added_to_org",
            "invalid_auth",
            "not_authed",
            "account_inactive",
            "token_revoked",
            "token_expired",
            "org_login_required",
            "ekm_access_denied",
        ),
        Means.AWAY,
    ),
    **dict.fromkeys(("internal_error", "fatal_error", "request_timeout"), Means.AGAIN),
    **dict.fromkeys(("expired_trigger_id", "view_not_found", "not_found", "hash_conflict"), Means.OVER),
}

_WORDS: Mapping[str, str] = {
    "channel_not_found": "there is no such channel, or it is private and Fettle was not invited",
    "not_in_channel": "Fettle is not in that channel; `/invite` it there",
    "is_archived": "the channel is archived",
    "user_not_in_channel": "the person is not in that channel",
    "restricted_action": "the workspace lets only some people post there",
    "missing_scope": "the Slack app may not do that; install it again from the manifest",
    "msg_too_long": "the text is longer than Slack takes",
    "msg_blocks_too_long": "the blocks together are longer than Slack takes",
    "invalid_blocks": "Slack does not take these blocks",
    "invalid_arguments": "Slack does not take this",
    "no_text": "there is nothing in it",
    "invalid_auth": "SLACK_BOT_TOKEN is not one that Slack knows",
    "token_revoked": "SLACK_BOT_TOKEN was revoked",
    "token_expired": "SLACK_BOT_TOKEN has expired",
    "account_inactive": "Fettle's account in the workspace is switched off",
}

_AWAY_STATUS = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


def read(error: SlackApiError) -> Refusal:
    """What Slack's answer means. Answers of whatever stands before Slack are understood by their status."""
    # The library hangs its own answer, or aiohttp's, on the error, with Slack's JSON, text or nothing in it.
    answer = error.response
    status = int(getattr(answer, "status_code", 0) or getattr(answer, "status", 0))
    data = getattr(answer, "data", None)
    body = data if isinstance(data, dict) else {}
    code = str(body.get("error") or (f"HTTP {status}" if status else error))
    said = _messages(body)
    reason = ". ".join(part for part in (f"{code}: {_WORDS[code]}" if code in _WORDS else code, said) if part)
    if code == "missing_scope" and body.get("needed"):
        reason = f"{reason} (it needs {body['needed']})"
    if status == HTTPStatus.TOO_MANY_REQUESTS or _MEANS.get(code) is Means.SLOWER:
        headers = getattr(answer, "headers", None) or {}
        return Refusal(code, Means.SLOWER, reason, _seconds(headers.get("Retry-After")))
    if code in _MEANS:
        return Refusal(code, _MEANS[code], reason)
    if status in _AWAY_STATUS:
        return Refusal(code, Means.AWAY, reason)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refusal(code, Means.AGAIN, reason)
    if code in ("invalid_blocks", "invalid_arguments") and "slack file" in said:
        return Refusal(code, Means.PICTURE, reason)
    return Refusal(code, Means.NEVER, reason)


def unanswered(error: BaseException) -> str:
    """Why there was no answer, in words."""
    return f"no answer from Slack ({type(error).__name__}{f': {error}' if str(error) else ''})"


def upload_failed(error: SlackRequestError) -> str:
    """Why a file could not be sent; the library puts the whole answer into its text."""
    return str(error)[:300]


def _messages(body: Mapping[str, object]) -> str:
    metadata = body.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    if not isinstance(messages, list):
        return ""
    return "; ".join(str(one).removeprefix("[ERROR] ") for one in messages[:MOST_MESSAGES])


def _seconds(text: object) -> float:
    try:
        return min(max(float(str(text)), 0.5), MOST_SECONDS)
    except ValueError:
        return 1.0
