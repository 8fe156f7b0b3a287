// Joins the parts: one person's view of the workspace, kept up to date by the live feed.

import { fill, h } from "./dom.js";
import { Api, live } from "./api.js";
import { Modals } from "./dialog.js";
import { ChannelPlace, ThreadPlace, lostBanner, showStatus } from "./places.js";
import { toast } from "./popover.js";
import { drawSidebar } from "./sidebar.js";

const $ = (id) => document.getElementById(id);

class World {
  constructor() {
    this.place = null;
    this.thread = null;
    this.choices = new Map();
    this.modals = new Modals(this);
    this.leave = () => {};
  }

  get me() { return this.api.me; }
  get at() { return this.place?.where.id; }
  get zone() { return this.person(this.me)?.tz ?? "UTC"; }
  get appName() { return this.state.app.name; }

  person(id) {
    if (id === this.state.app.user) return { ...this.state.app, id, real_name: this.state.app.name, title: "App", app: true };
    return this.state.people.find((one) => one.id === id);
  }

  people() {
    return [this.person(this.state.app.user), ...this.state.people];
  }

  channels() { return this.state.conversations.filter((one) => one.kind === "channel" && !one.archived); }
  directs() { return this.state.conversations.filter((one) => one.kind === "im").map((one) => ({ label: this.nameOf(one), value: one.id })); }
  channel(id) { return this.state.conversations.find((one) => one.id === id && one.kind !== "im"); }
  where(id) { return this.state.conversations.find((one) => one.id === id); }
  group(id) { return this.state.groups.find((one) => one.id === id); }
  nameOf(where) { return where.kind === "im" ? this.person(where.with)?.real_name ?? "Direct message" : where.name; }

  held(key) {
    if (!this.choices.has(key)) this.choices.set(key, {});
    return this.choices.get(key);
  }

  async become(id, wanted = {}) {
    this.leave();
    this.closeThread({ remember: false });
    this.modals.show(null);
    this.choices.clear();
    this.api = new Api(id);
    this.state = await this.api.get("state");
    const here = wanted.channel ?? this.at;
    this.place = null;
    const fallback = this.channels()[0]?.id ?? this.state.app.direct;
    const target = this.where(here) && !(this.where(here).kind === "im" && !wanted.channel) ? here : fallback;
    await this.open(target, { tab: wanted.tab, quiet: true });
    if (wanted.thread && this.where(target)) await this.openThread({ channel: target, ts: wanted.thread });
    this.remember();
    if (wanted.point) this.place.list.point(wanted.point);
    this.leave = live(id, this.state.number, {
      changed: (change) => this.changed(change),
      joined: (complete) => { document.querySelector(".lost")?.remove(); if (!complete) this.refresh(); },
      lost: () => { if (!document.querySelector(".lost")) document.body.prepend(lostBanner()); },
    });
    this.modals.show((await this.api.get("modal")).view);
  }

  async refresh() {
    await this.reload();
    if (this.place.reading) await this.place.load();
    if (this.place.tab === "home") this.place.home.show((await this.api.get("home")).view);
    if (this.thread) await this.thread.load();
    this.modals.show((await this.api.get("modal")).view);
  }

  async reload() {
    this.state = await this.api.get("state");
    this.sidebar();
  }

  sidebar() {
    const focused = document.activeElement?.dataset?.place;
    drawSidebar($("sidebar"), this);
    if (focused) $("sidebar").querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
    const unread = this.state.conversations.reduce((sum, one) => sum + one.mentions, 0);
    document.title = `${unread ? `(${unread}) ` : ""}${this.place ? this.nameOf(this.place.where) : this.state.team.name} · ${this.state.team.name}`;
  }

  async open(id, { tab, quiet = false } = {}) {
    this.closeSidebar();
    if (id.startsWith("with:")) {
      id = (await this.api.post("direct", { with: id.slice(5) })).channel;
      this.state = await this.api.get("state");
    }
    const where = this.where(id);
    if (!where) return;
    if (this.thread && this.thread.where.id !== id) this.closeThread({ remember: false });
    this.place = new ChannelPlace(this, where);
    fill($("main"), this.place.node);
    this.sidebar();
    if (!quiet) this.remember();
    await this.place.start(tab ?? "messages");
    if (!quiet && matchMedia("(min-width: 48rem)").matches && this.place.reading) this.place.composer.focus();
  }

  async openThread(message) {
    const ts = message.thread_ts ?? message.ts;
    this.thread = new ThreadPlace(this, this.where(message.channel), ts);
    fill($("side"), this.thread.node);
    $("side").hidden = false;
    $("frame").classList.add("with-side");
    this.remember();
    await this.thread.load();
  }

  closeThread({ remember = true } = {}) {
    const ts = this.thread?.ts;
    this.thread = null;
    $("side").hidden = true;
    $("frame").classList.remove("with-side");
    if (remember) {
      this.remember();
      $("main").querySelector(`[data-ts="${ts}"] .replies`)?.focus();
    }
  }

  openSidebar() {
    $("frame").classList.add("with-sidebar");
    $("shade").hidden = false;
    $("sidebar").querySelector(".here, button")?.focus();
  }

  closeSidebar() {
    $("frame").classList.remove("with-sidebar");
    $("shade").hidden = true;
  }

  remember() {
    if (!this.place) return;
    const query = new URLSearchParams({ as: this.me, in: this.at });
    if (this.thread) query.set("thread", this.thread.ts);
    if (this.place.tab && this.place.tab !== "messages") query.set("tab", this.place.tab);
    history.replaceState(null, "", `/#${query}`);
    sessionStorage.setItem("as", this.me);
  }

  async send(channel, text, thread = "") {
    if (text.startsWith("/")) {
      if (thread) throw new Error("Slash commands cannot be used in threads. Mention the app or use a button instead.");
      await this.api.post("command", { channel, text });
    } else await this.api.post("say", { channel, text, thread_ts: thread });
  }

  async launch(launcher) {
    this.closeSidebar();
    const target = launcher.channel ? this.state.conversations.find((one) => [one.id, one.name].includes(launcher.channel.replace(/^#/, ""))) : this.place.where;
    if (target && target.id !== this.at) await this.open(target.id);
    if (!this.place.reading) this.place.choose("messages");
    const { composer } = this.place;
    composer.set(launcher.text);
    composer.focus();
    setTimeout(() => composer.submit(), 350);
  }

  async react(message, name, remove) {
    try {
      await this.api.post("react", { channel: message.channel, ts: message.ts, name, remove });
    } catch (error) {
      toast(error.message, { kind: "warn" });
    }
  }

  async shortcut(shortcut, message) {
    const where = message ? { channel: message.channel, ts: message.ts } : {};
    try {
      const outcome = await this.api.post("shortcut", { callback_id: shortcut.callback_id, ...where });
      if (!outcome.ok) toast(`${this.appName} did not answer (${outcome.error}).`, { kind: "warn" });
    } catch (error) {
      toast(error.message, { kind: "warn" });
    }
  }

  async copyLink(message) {
    const thread = message.thread_ts && message.thread_ts !== message.ts ? `?thread_ts=${message.thread_ts}&cid=${message.channel}` : "";
    const url = `${location.origin}/archives/${message.channel}/p${message.ts.replace(".", "")}${thread}`;
    try {
      await navigator.clipboard.writeText(url);
      toast("Link copied.");
    } catch {
      toast(url, { seconds: 12 });
    }
  }

  markRead(channel, ts) {
    const where = this.where(channel);
    if (!where || ts === "0" || document.hidden) return;
    if (ts > where.read) {
      this.api.post("read", { channel, ts }).catch(() => {});
      where.read = ts;
    }
    if (where.unread || where.mentions) {
      where.unread = 0;
      where.mentions = 0;
      this.sidebar();
    }
  }

  changed(change) {
    switch (change.kind) {
      case "message": case "changed": case "deleted": this.message(change); break;
      case "conversations": this.reload(); break;
      case "modal": this.modals.show(change.view); break;
      case "home": if (this.place.home) this.place.home.show(change.view); break;
      case "status":
        if (this.thread?.where.id === change.channel && this.thread.ts === change.thread_ts) showStatus(this.thread.status, change.status, this);
        break;
      default:
    }
  }

  message({ kind, channel, ts, message, number }) {
    const reply = message.thread_ts && message.thread_ts !== ts;
    const apply = (list) => {
      if (kind === "deleted") list.drop(ts);
      else if (kind === "message" || list.messages.has(ts)) list.put(message);
    };
    if (this.thread?.where.id === channel && this.thread.ts === (message.thread_ts ?? ts)) apply(this.thread.list);
    if (reply && message.subtype !== "thread_broadcast") return;
    const where = this.where(channel);
    if (!where) {
      this.reload();
      return;
    }
    const here = this.at === channel && this.place.reading;
    if (here) apply(this.place.list);
    if (kind !== "message" || message.user === this.me) return;
    if (here && !document.hidden) this.markRead(channel, ts);
    // What the last reading of the state has counted already is not counted again.
    else if (number > this.state.number) {
      where.unread += 1;
      if (where.kind === "im" || message.text.includes(`<@${this.me}>`)) where.mentions += 1;
      this.sidebar();
    }
  }
}

// Where the address says to begin: #as=…&in=…&thread=…&tab=…, or a link to a message.
function wanted() {
  const archive = /^\/archives\/([A-Z0-9]+)\/p(\d+)(\d{6})$/.exec(location.pathname);
  if (archive) {
    const ts = `${archive[2]}.${archive[3]}`;
    const thread = new URLSearchParams(location.search).get("thread_ts") ?? undefined;
    return { channel: archive[1], thread, point: thread ? undefined : ts };
  }
  const hash = new URLSearchParams(location.hash.slice(1));
  return { as: hash.get("as"), channel: hash.get("in") ?? undefined, thread: hash.get("thread") ?? undefined, tab: hash.get("tab") ?? undefined };
}

const saved = localStorage.getItem("theme");
if (saved) document.documentElement.dataset.theme = saved;
const world = new World();
const start = wanted();
$("shade").addEventListener("click", () => world.closeSidebar());
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if ($("frame").classList.contains("with-sidebar")) world.closeSidebar();
  else if (world.thread) world.closeThread();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && world.place?.reading) world.markRead(world.at, [...world.place.list.messages.keys()].at(-1) ?? "0");
});
window.addEventListener("hashchange", () => { const next = wanted(); if (next.as) world.become(next.as, next); });

async function begin() {
  const first = await (await fetch("/ui/api/start")).json();
  const as = [start.as, sessionStorage.getItem("as")].find((id) => first.people.includes(id)) ?? first.people[0];
  await world.become(as, start);
}

begin().catch((error) => fill($("main"), h("p", { class: "noscript" }, `The workspace did not answer: ${error.message}`)));
