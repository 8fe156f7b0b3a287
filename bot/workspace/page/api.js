// Talks to the workspace as one person.

export class Api {
  constructor(me) {
    this.me = me;
  }

  async get(path, query = {}) {
    const search = new URLSearchParams({ as: this.me, ...query });
    return this.#answer(await fetch(`/ui/api/${path}?${search}`));
  }

  async post(path, body = {}) {
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ as: this.me, ...body }) };
    return this.#answer(await fetch(`/ui/api/${path}`, options));
  }

  async #answer(response) {
    const body = await response.json();
    if (!response.ok) throw new Error(body.error ?? `The workspace answered ${response.status}.`);
    return body;
  }
}

// The live feed from `since` on; joins again by itself and goes on where it was. `changed(change)` for each change,
// `joined(complete)` when it is there: not complete when changes were missed, so that all has to be read again.
export function live(me, since, { changed, joined, lost }) {
  let socket = null;
  let ended = false;
  let seen = since;
  const join = () => {
    if (ended) return;
    const query = new URLSearchParams({ as: me, since: seen });
    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ui/live?${query}`);
    socket.onmessage = (event) => {
      const change = JSON.parse(event.data);
      if (change.kind === "hello") {
        if (!change.complete) seen = change.number;
        joined(change.complete);
      } else {
        seen = change.number;
        if (change.kind !== "closing") changed(change);
      }
    };
    socket.onclose = () => {
      if (ended) return;
      lost();
      setTimeout(join, 1000);
    };
  };
  join();
  return () => { ended = true; socket?.close(); };
}
