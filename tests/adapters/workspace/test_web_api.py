"""Methods, their error codes and their paging, called with Slack's own client or as plain HTTP."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot.workspace.methods.catalogue import METHODS
from bot.workspace.seed import ALL_EVENTS, Seed
from bot.workspace.server import running
from bot.workspace.timing import Rates
from bot.workspace.workspace import Workspace
from tests.adapters.workspace.harness import Harness, Json

VIEW: Json = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "T"},
    "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "x"}}],
}


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        (None, "auth.test", "not_authed"),
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        ("xapp-1-local-fettle", "auth.test", "not_allowed_token_type"),
        ("xoxb-local-fettle", "apps.connections.open", "not_allowed_token_type"),
        ("xoxb-local-fettle", "chat.shout", "unknown_method"),
    ],
)
async def test_who_may_call_what(harness: Harness, token: str | None, method: str, error: str) -> None:
    assert await harness.raw(method, token) == (200, {"ok": False, "error": error})


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C0ALERTS"}, "no_text"),
        ("chat.postMessage", {"channel": "C0ALERTS", "text": "x", "thread_ts": "1.000001"}, "cannot_reply_to_message"),
        ("chat.postMessage", {"channel": "C0ALERTS", "text": "x", "blocks": "[{"}, "invalid_blocks_format"),
        ("chat.update", {"channel": "C0ALERTS", "ts": "1.000001", "text": "x"}, "message_not_found"),
        ("chat.delete", {"channel": "C0ALERTS", "ts": "1.000001"}, "message_not_found"),
        ("chat.postEphemeral", {"channel": "C0ALERTS", "text": "x", "user": "U0NOBODY"}, "user_not_in_channel"),
        ("conversations.replies", {"channel": "C0ALERTS", "ts": "1.000001"}, "thread_not_found"),
        ("conversations.history", {"channel": "C0ALERTS", "cursor": "?"}, "invalid_cursor"),
        ("conversations.create", {"name": "alerts"}, "name_taken"),
        ("conversations.invite", {"channel": "C0ALERTS", "users": "U0JUNIOR"}, "already_in_channel"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("usergroups.users.list", {"usergroup": "S0NONE"}, "no_such_subteam"),
        ("views.open", {"trigger_id": "1.2.3", "view": VIEW}, "invalid_trigger_id"),
        ("views.update", {"view_id": "V0NONE", "view": VIEW}, "not_found"),
        ("files.info", {"file": "F0NONE"}, "file_not_found"),
        ("reactions.add", {"channel": "C0ALERTS", "timestamp": "1.000001", "name": "eyes"}, "message_not_found"),
        ("api.test", {"error": "my_error"}, "my_error"),
    ],
)
async def test_error_codes(harness: Harness, method: str, args: Json, error: str) -> None:
    status, body = await harness.raw(method, **args)
    assert (status, body["ok"], body["error"]) == (200, False, error)


async def test_only_the_author_updates_and_deletes(harness: Harness) -> None:
    said = await harness.person().say("mine")
    client = harness.client()
    with pytest.raises(SlackApiError, match="cant_update_message"):
        await client.chat_update(channel="C0ALERTS", ts=said.ts, text="yours")
    with pytest.raises(SlackApiError, match="cant_delete_message"):
        await client.chat_delete(channel="C0ALERTS", ts=said.ts)


async def test_update_keeps_what_is_not_given(harness: Harness) -> None:
    client = harness.client()
    metadata = {"event_type": "incident", "event_payload": {"id": "INC-1"}}
    blocks = [{"type": "divider"}]
    ts = (await client.chat_postMessage(channel="C0ALERTS", text="a", blocks=blocks, metadata=metadata))["ts"]

    await client.chat_update(channel="C0ALERTS", ts=ts, text="b")
    kept = (await client.conversations_history(channel="C0ALERTS", include_all_metadata=True))["messages"][0]
    await client.chat_update(channel="C0ALERTS", ts=ts, text="c", blocks=[], metadata={})
    emptied = (await client.conversations_history(channel="C0ALERTS", include_all_metadata=True))["messages"][0]

    assert (kept["text"], kept["blocks"][0]["type"], kept["metadata"]) == ("b", "divider", metadata)
    assert emptied["text"] == "c"
    assert "blocks" not in emptied
    assert "metadata" not in emptied


async def test_history_replies_and_metadata_are_paged(harness: Harness) -> None:
    client = harness.client()
    metadata = {"event_type": "step", "event_payload": {"n": 1}}
    posted = [(await client.chat_postMessage(channel="C0OPS", text=str(n), metadata=metadata))["ts"] for n in range(5)]
    for n in range(3):
        await client.chat_postMessage(channel="C0OPS", text=f"reply {n}", thread_ts=posted[0])

    texts, metadatas, cursor = [], [], ""
    for _ in range(3):
        page = await client.conversations_history(channel="C0OPS", limit=2, cursor=cursor, include_all_metadata=True)
        texts += [m["text"] for m in page["messages"]]
        metadatas += [m["metadata"] for m in page["messages"]]
        cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
    between = await client.conversations_history(channel="C0OPS", oldest=posted[1], latest=posted[3])
    included = await client.conversations_history(channel="C0OPS", oldest=posted[1], latest=posted[3], inclusive=True)
    thread = await client.conversations_replies(channel="C0OPS", ts=posted[0])

    assert texts == ["4", "3", "2", "1", "0"]
    assert metadatas == [metadata] * 5
    assert [m["text"] for m in between["messages"]] == ["2"]
    assert [m["text"] for m in included["messages"]] == ["3", "2", "1"]
    assert [m["text"] for m in thread["messages"]] == ["0", "reply 0", "reply 1", "reply 2"]
    assert thread["messages"][0]["reply_count"] == 3
    assert "metadata" not in thread["messages"][0]


async def test_a_channel_that_the_app_is_not_in_or_that_is_archived(harness: Harness) -> None:
    client = harness.client()
    room = (await client.conversations_create(name="war-room"))["channel"]["id"]
    await client.conversations_setTopic(channel=room, topic="INC-1")
    assert (await client.conversations_info(channel=room))["channel"]["topic"]["value"] == "INC-1"
    await client.conversations_leave(channel=room)
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await client.chat_postMessage(channel=room, text="x")
    await client.conversations_join(channel=room)
    await client.conversations_archive(channel=room)
    with pytest.raises(SlackApiError, match="is_archived"):
        await client.chat_postMessage(channel="#war-room", text="x")
    listed = await client.conversations_list(exclude_archived=True)
    assert [c["name"] for c in listed["channels"]] == ["alerts", "ops"]


async def test_people_groups_and_the_app(harness: Harness) -> None:
    client = harness.client()
    me = await client.auth_test()
    assert (me["user_id"], me["bot_id"], me["team_id"]) == ("U0FETTLE", "B0FETTLE", "T0LOCAL")
    jun = (await client.users_info(user="U0JUNIOR"))["user"]
    assert (jun["real_name"], jun["tz"], jun["profile"]["title"]) == ("Jun Park", "Europe/Berlin", "Junior engineer")
    assert jun["tz_offset"] in (3600, 7200)
    members = (await client.users_list())["members"]
    assert {m["id"] for m in members if m["is_bot"]} == {"U0OTHERBOT", "U0FETTLE"}
    groups = (await client.usergroups_list(include_users=True))["usergroups"]
    assert {g["handle"]: g["users"] for g in groups}["approvers"] == ["U0APPROVER"]
    assert (await client.usergroups_users_list(usergroup="S0ONCALL"))["users"] == ["U0JUNIOR"]
    assert (await client.bots_info(bot="B0OTHERBOT"))["bot"]["user_id"] == "U0OTHERBOT"


async def test_a_form_and_json_and_query_mean_the_same(harness: Harness) -> None:
    url, headers = f"{harness.url}/api/chat.postMessage", {"Authorization": "Bearer xoxb-local-fettle"}
    blocks = '[{"type": "divider"}]'
    async with aiohttp.ClientSession(headers=headers) as session:
        form = aiohttp.FormData({"channel": "C0OPS", "text": "multi", "blocks": blocks}, default_to_multipart=True)
        for arguments in (
            {"data": {"channel": "C0OPS", "text": "form", "blocks": blocks}},
            {"json": {"channel": "C0OPS", "text": "json", "blocks": [{"type": "divider"}]}},
            {"params": {"channel": "C0OPS", "text": "query", "blocks": blocks}},
            {"data": form},
        ):
            async with session.post(url, **arguments) as answer:
                assert (await answer.json())["message"]["blocks"][0]["type"] == "divider"


async def test_a_direct_message_is_opened_by_posting_to_a_person(harness: Harness) -> None:
    posted = await harness.client().chat_postMessage(channel="U0SENIOR", text="for you")
    opened = await harness.client().conversations_open(users=["U0SENIOR"])
    assert posted["channel"] == opened["channel"]["id"] == "D0SENIOR"
    seen = await harness.person("U0SENIOR").messages("D0SENIOR")
    assert [m.text for m in seen] == ["for you"]


async def test_triggers_are_used_once_and_die(harness: Harness) -> None:
    workspace, client = harness.workspace, harness.client()
    trigger = workspace.modals.trigger("U0JUNIOR")
    await client.views_open(trigger_id=trigger, view=VIEW)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=trigger, view=VIEW)


async def test_modals_go_three_deep_and_the_hash_is_checked(harness: Harness) -> None:
    workspace, client = harness.workspace, harness.client()
    pushed = await client.views_open(trigger_id=workspace.modals.trigger("U0JUNIOR"), view=VIEW)
    first = pushed["view"]
    for _ in range(2):
        top = workspace.modals.top("U0JUNIOR")
        assert top is not None
        pushed = await client.views_push(trigger_id=workspace.modals.trigger("U0JUNIOR", top.id), view=VIEW)
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await client.views_push(trigger_id=workspace.modals.trigger("U0JUNIOR", pushed["view"]["id"]), view=VIEW)
    assert pushed["view"]["root_view_id"] == first["id"]

    view_id, known = pushed["view"]["id"], pushed["view"]["hash"]
    changed = await client.views_update(view_id=view_id, hash=known, view=VIEW)
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=view_id, hash=known, view=VIEW)
    assert changed["view"]["hash"] != known


async def test_an_expired_trigger() -> None:
    now = [1_800_000_000.0]
    workspace = Workspace(clock=lambda: now[0])
    trigger = workspace.modals.trigger("U0JUNIOR")
    now[0] += 3.5
    async with running(workspace) as url:
        status, body = await Harness(workspace, url, None).raw("views.open", trigger_id=trigger, view=VIEW)  # type: ignore[arg-type]  # nothing to clean up
    assert (status, body["error"]) == (200, "expired_trigger_id")


async def test_a_response_address_is_good_for_five_uses_and_half_an_hour() -> None:
    now = [1_800_000_000.0]
    workspace = Workspace(clock=lambda: now[0])
    async with running(workspace) as url, aiohttp.ClientSession() as session:

        async def use(path: str, body: Json) -> tuple[int, str]:
            async with session.post(url + path, json=body) as answer:
                return answer.status, await answer.text()

        path = workspace.responses.issue("U0JUNIOR", "C0OPS")
        assert [await use(path, {"text": "hello"}) for _ in range(5)] == [(200, "ok")] * 5
        status, text = await use(path, {"text": "hello"})
        assert (status, "used_url" in text) == (404, True)
        late = workspace.responses.issue("U0JUNIOR", "C0OPS")
        assert (await use(workspace.responses.issue("U0JUNIOR", "C0OPS"), {"text": ""}))[0] == 400
        now[0] += 1801
        status, text = await use(late, {"text": "hello"})
        assert (status, "expired_url" in text) == (404, True)


async def test_posts_have_a_rate_for_each_channel() -> None:
    now = [1_800_000_000.0]
    workspace = Workspace(clock=lambda: now[0], rates=Rates(posts_per_second=1.0, post_burst=2))
    async with running(workspace) as url, aiohttp.ClientSession() as session:

        async def post(channel: str) -> tuple[int, str | None]:
            headers = {"Authorization": "Bearer xoxb-local-fettle"}
            body = {"channel": channel, "text": "x"}
            async with session.post(f"{url}/api/chat.postMessage", json=body, headers=headers) as answer:
                return answer.status, answer.headers.get("Retry-After")

        assert [await post("C0OPS") for _ in range(3)] == [(200, None), (200, None), (429, "1")]
        assert await post("C0ALERTS") == (200, None)
        now[0] += 1.0
        assert await post("C0OPS") == (200, None)
        assert len(workspace.state.messages["C0OPS"]) == 3


async def test_a_tier_has_its_rate() -> None:
    workspace = Workspace(clock=lambda: 1_800_000_000.0, rates=Rates(tiers=(0, 1, 2, 3, 4)))
    async with running(workspace) as url:
        harness = Harness(workspace, url, None)  # type: ignore[arg-type]  # nothing to clean up
        found = [(await harness.raw("users.list"))[0] for _ in range(3)]
    assert found == [200, 200, 429]


async def test_the_methods_of_the_product_are_there() -> None:
    wanted = """api.test apps.connections.open assistant.threads.setStatus auth.test bots.info chat.delete
        chat.getPermalink chat.postEphemeral chat.postMessage chat.update conversations.archive conversations.create
        conversations.history conversations.info conversations.invite conversations.join conversations.list
        conversations.members conversations.open conversations.replies conversations.setTopic
        files.completeUploadExternal files.getUploadURLExternal files.info pins.add reactions.add reactions.remove
        usergroups.list usergroups.users.list users.info users.list users.profile.get views.open views.publish
        views.push views.update""".split()
    assert set(wanted) <= set(METHODS)
    assert set(Seed().app.events) <= set(ALL_EVENTS)


async def test_permalinks_pins_and_status(harness: Harness) -> None:
    client = harness.client()
    ts = (await client.chat_postMessage(channel="C0OPS", text="x"))["ts"]
    link = await client.chat_getPermalink(channel="C0OPS", message_ts=ts)
    assert link["permalink"] == f"{harness.url}/archives/C0OPS/p{ts.replace('.', '')}"
    await client.pins_add(channel="C0OPS", timestamp=ts)
    with pytest.raises(SlackApiError, match="already_pinned"):
        await client.pins_add(channel="C0OPS", timestamp=ts)
    await client.assistant_threads_setStatus(channel_id="C0OPS", thread_ts=ts, status="is thinking…")
    assert harness.workspace.statuses[("C0OPS", ts)][0] == "is thinking…"
    await client.chat_postMessage(channel="C0OPS", thread_ts=ts, text="done")
    assert harness.workspace.statuses == {}


async def test_a_deleted_parent_leaves_a_trace(harness: Harness) -> None:
    client = harness.client()
    parent = (await client.chat_postMessage(channel="C0OPS", text="parent"))["ts"]
    alone = (await client.chat_postMessage(channel="C0OPS", text="alone"))["ts"]
    await client.chat_postMessage(channel="C0OPS", thread_ts=parent, text="reply")
    await client.chat_delete(channel="C0OPS", ts=parent)
    await client.chat_delete(channel="C0OPS", ts=alone)
    left = (await client.conversations_history(channel="C0OPS"))["messages"]
    assert [(m.get("subtype"), m["text"]) for m in left] == [("tombstone", "This message was deleted.")]
