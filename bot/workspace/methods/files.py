"""``files.*``: uploads in three steps, and what became of them."""

import mimetypes

from bot.workspace.limits import check_message
from bot.workspace.methods.contract import Call, Json, Method
from bot.workspace.records import Upload
from bot.workspace.refusal import SlackRefusal

LARGEST = 50_000_000


def described(call: Call, upload: Upload) -> Json:
    """A file as the API describes it."""
    url = f"{call.workspace.base_url}/files/{upload.id}/{upload.name}"
    return {
        "id": upload.id,
        "created": upload.created,
        "timestamp": upload.created,
        "name": upload.name,
        "title": upload.title,
        "mimetype": upload.mimetype,
        "filetype": upload.name.rpartition(".")[2],
        "user": upload.owner,
        "size": upload.length,
        "alt_txt": upload.alt,
        "is_external": False,
        "is_public": bool(upload.channels),
        "url_private": url,
        "url_private_download": url,
        "permalink": url,
        "channels": list(upload.channels),
    }


def _get_url(call: Call) -> Json:
    name = call.needed("filename").replace("/", "_")
    try:
        length = int(call.needed("length"))
    except ValueError as error:
        raise SlackRefusal("invalid_arguments", ("must be an integer: length",)) from error
    if not 0 < length <= LARGEST:
        raise SlackRefusal("invalid_arguments", (f"length must be between 1 and {LARGEST}",))
    mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
    workspace = call.workspace
    upload = Upload(
        workspace.ids.slack("F"),
        name,
        name,
        length,
        call.app_user,
        int(workspace.clock()),
        mimetype,
        alt=call.text("alt_txt"),
    )
    workspace.state.keep(upload)
    url = f"{workspace.base_url}/upload/v1/{upload.id}/{workspace.ids.secret()}"
    return {"ok": True, "upload_url": url, "file_id": upload.id}


def _complete(call: Call) -> Json:
    given = call.structure("files", "invalid_arguments")
    if not isinstance(given, list) or not given:
        raise SlackRefusal("invalid_arguments", ("missing required field: files",))
    uploads = []
    for one in given:
        upload = call.workspace.state.uploads.get(str(one.get("id")) if isinstance(one, dict) else "")
        if upload is None or upload.content is None:
            raise SlackRefusal("file_not_found")
        upload.title = one.get("title") or upload.name
        uploads.append(upload)
    targets = call.ids("channels") or call.ids("channel_id")
    places = [Call(call.workspace, {"channel": target}).member_of() for target in targets]
    for upload in uploads:
        upload.complete = True
        upload.channels += [place.id for place in places]
        call.workspace.state.keep(upload)
    files = [described(call, upload) for upload in uploads]
    comment = call.text("initial_comment")
    for place in places:
        body = call.workspace.posting.app_body(comment) | {"files": files, "upload": True}
        blocks = call.structure("blocks", "invalid_blocks_format")
        if blocks:
            check_message(comment, blocks, None, None, call.workspace.state.known_file)
            body["blocks"] = blocks
        if thread := call.text("thread_ts"):
            body["thread_ts"] = thread
        call.workspace.posting.post(place, call.app_user, body)
    return {"ok": True, "files": files}


def _info(call: Call) -> Json:
    upload = call.workspace.state.file(call.needed("file", "file_not_found"))
    if upload is None:
        raise SlackRefusal("file_not_found")
    return {"ok": True, "file": described(call, upload), "comments": [], "response_metadata": {"next_cursor": ""}}


METHODS = {
    "files.completeUploadExternal": Method(_complete, 4),
    "files.getUploadURLExternal": Method(_get_url, 4),
    "files.info": Method(_info, 4),
}
