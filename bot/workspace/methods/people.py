"""``users.*``, ``usergroups.*``, ``bots.*``: who is here."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.workspace.methods.contract import Call, Json, Method, page, with_cursor
from bot.workspace.refusal import SlackRefusal
from bot.workspace.seed import SeedGroup, SeedPerson


def zone_offset(name: str, now: float) -> int:
    """Seconds east of UTC in a zone at a moment; 0 for a zone that this machine does not know."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return 0
    offset = datetime.fromtimestamp(now, UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _profile(person: SeedPerson, team: str) -> Json:
    return {
        "real_name": person.real_name,
        "real_name_normalized": person.real_name,
        "display_name": person.name,
        "display_name_normalized": person.name,
        "title": person.title,
        "email": f"{person.name}@example.com",
        "status_text": "",
        "status_emoji": "",
        "team": team,
    }


def _described(call: Call, person: SeedPerson) -> Json:
    team = call.workspace.seed.team_id
    body: Json = {
        "id": person.id,
        "team_id": team,
        "name": person.name,
        "real_name": person.real_name,
        "deleted": False,
        "color": person.colour.removeprefix("#"),
        "is_bot": person.bot,
        "is_app_user": False,
        "is_admin": False,
        "updated": 0,
        "tz": person.tz,
        "tz_label": person.tz,
        "tz_offset": zone_offset(person.tz, call.workspace.clock()),
        "profile": _profile(person, team),
    }
    if person.bot:
        body["profile"]["bot_id"] = f"B{person.id[1:]}"
    return body


def _everybody(call: Call) -> list[SeedPerson]:
    app = call.workspace.seed.app
    return [*call.workspace.seed.people, SeedPerson(app.user, app.name.lower(), app.name, bot=True)]


def _person(call: Call) -> SeedPerson:
    wanted = call.needed("user", "user_not_found")
    found = next((one for one in _everybody(call) if one.id == wanted), None)
    if found is None:
        raise SlackRefusal("user_not_found")
    return found


def _list(call: Call) -> Json:
    part, following = page(_everybody(call), call, default=1000)
    body = {"ok": True, "members": [_described(call, one) for one in part], "cache_ts": int(call.workspace.clock())}
    return with_cursor(body, following)


def _info(call: Call) -> Json:
    return {"ok": True, "user": _described(call, _person(call))}


def _by_email(call: Call) -> Json:
    email = call.needed("email", "users_not_found")
    found = next((one for one in call.workspace.seed.people if f"{one.name}@example.com" == email), None)
    if found is None:
        raise SlackRefusal("users_not_found")
    return {"ok": True, "user": _described(call, found)}


def _get_profile(call: Call) -> Json:
    return {"ok": True, "profile": _profile(_person(call), call.workspace.seed.team_id)}


def _group(call: Call, group: SeedGroup, *, users: bool) -> Json:
    body: Json = {
        "id": group.id,
        "team_id": call.workspace.seed.team_id,
        "is_usergroup": True,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "date_create": 0,
        "date_delete": 0,
        "user_count": len(group.users),
    }
    return body | ({"users": list(group.users)} if users else {})


def _groups(call: Call) -> Json:
    users = call.flag("include_users")
    return {"ok": True, "usergroups": [_group(call, one, users=users) for one in call.workspace.seed.groups]}


def _group_users(call: Call) -> Json:
    wanted = call.needed("usergroup", "no_such_subteam")
    for group in call.workspace.seed.groups:
        if group.id == wanted:
            return {"ok": True, "users": list(group.users)}
    raise SlackRefusal("no_such_subteam")


def _bot(call: Call) -> Json:
    app = call.workspace.seed.app
    wanted = call.text("bot", app.bot_id)
    if wanted == app.bot_id:
        found = {"id": app.bot_id, "app_id": app.id, "user_id": app.user, "name": app.name}
    else:
        other = next((p for p in call.workspace.seed.people if p.bot and p.bot_id == wanted), None)
        if other is None:
            raise SlackRefusal("bot_not_found")
        found = {"id": wanted, "app_id": other.app_id, "user_id": other.id, "name": other.real_name}
    return {"ok": True, "bot": found | {"deleted": False, "updated": 0, "icons": {}}}


METHODS = {
    "bots.info": Method(_bot, 3),
    "usergroups.list": Method(_groups, 2),
    "usergroups.users.list": Method(_group_users, 2),
    "users.info": Method(_info, 4),
    "users.list": Method(_list, 2),
    "users.lookupByEmail": Method(_by_email, 3),
    "users.profile.get": Method(_get_profile, 4),
}
