// Messages: one, and the list of a channel or thread.

import { fill, h, icon } from "./dom.js";
import { blocks, keepFocus } from "./blocks.js";
import { QUICK, emojiNode } from "./emoji.js";
import { clock, day, dayKey, full } from "./dates.js";
import { mrkdwn } from "./mrkdwn.js";
import { menu, toast } from "./popover.js";
import { fileCard } from "./pictures.js";

const TOGETHER = 300;

export function avatar(who, size = 36) {
  const node = h("span", { class: `avatar avatar-${size}`, "aria-hidden": "true" });
  if (who.app) node.append(icon("pulse", Math.round(size * 0.6)));
  else if (who.system) node.append(icon("lock", Math.round(size * 0.5)));
  else node.append(who.real_name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase());
  node.style.setProperty("--person", who.colour ?? "#5d6673");
  if (who.app) node.classList.add("avatar-app");
  return node;
}

export function author(message, world) {
  if (message.user === "USLACKBOT") return { id: "USLACKBOT", real_name: message.username ?? world.state.team.name, system: true };
  const known = world.person(message.user) ?? world.person(message.bot_id ? `U${message.bot_id.slice(1)}` : "");
  const name = message.username ?? known?.real_name ?? "Somebody";
  return { ...(known ?? {}), real_name: name, bot: known?.bot || Boolean(message.bot_id), id: known?.id ?? name };
}

function contextOf(message, world) {
  const place = { channel: message.channel, ts: message.ts };
  const key = `${message.channel}:${message.ts}`;
  const held = world.held(key);
  return {
    world,
    idBase: `m${message.ts.replace(".", "-")}`,
    enter: (block, action, choice) => { held[`${block}/${action}`] = choice; },
    entered: (block, action) => held[`${block}/${action}`],
    act: (block, action, choice) => world.api.post("action", { ...place, block_id: block, action_id: action, choice }),
  };
}

function attachment(one, context, world) {
  const node = h("div", { class: "attachment" });
  const named = { good: "#2f9e68", warning: "#d9a53a", danger: "#cf3f4f" }[one.color] ?? (/^#?[0-9a-f]{6}$/i.test(one.color ?? "") ? `#${one.color.replace("#", "")}` : null);
  if (named) node.style.setProperty("--bar", named);
  if (one.pretext) node.append(h("div", { class: "text" }, mrkdwn(one.pretext, world)));
  if (one.title) node.append(h("div", { class: "text" }, h("strong", {}, mrkdwn(one.title, world))));
  if (one.blocks) node.append(...blocks(one.blocks, context));
  else if (one.text || one.fallback) node.append(h("div", { class: "text" }, mrkdwn(one.text ?? one.fallback, world)));
  if (one.fields?.length) {
    node.append(h("div", { class: "fields" }, one.fields.map((field) => h("div", { class: "text" }, h("strong", {}, mrkdwn(field.title ?? "", world)), h("br"), mrkdwn(String(field.value ?? ""), world)))));
  }
  if (one.footer) node.append(h("div", { class: "block context" }, one.footer));
  return node;
}

function reactions(message, world) {
  if (!message.reactions?.length) return null;
  return h("div", { class: "reactions" }, message.reactions.map((one) => {
    const mine = one.users.includes(world.me);
    const names = one.users.map((id) => world.person(id)?.real_name ?? id).join(", ");
    return h("button", {
      type: "button", class: `reaction${mine ? " mine" : ""}`, "aria-pressed": String(mine), title: `${names} reacted with :${one.name}:`,
      "aria-label": `${one.name.replace(/_/g, " ")}, ${one.count}: ${names}`, onclick: () => world.react(message, one.name, mine),
    }, emojiNode(one.name) ?? `:${one.name}:`, h("span", {}, String(one.count)));
  }));
}

function footer(message, world) {
  if (!message.reply_count) return null;
  const faces = message.reply_users.slice(0, 3).map((id) => avatar(world.person(id) ?? { real_name: id }, 20));
  const last = Number(message.latest_reply);
  const when = dayKey(last, world.zone) === dayKey(Date.now() / 1000, world.zone) ? `today at ${clock(last, world.zone)}` : day(last, world.zone);
  return h("button", { type: "button", class: "replies", onclick: () => world.openThread(message) }, faces,
    h("span", { class: "replies-count" }, `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`), h("span", { class: "replies-last" }, `Last reply ${when}`));
}

function toolbar(message, world, { inThread }) {
  const can = !message.ephemeral;
  const tool = (name, label, run) => {
    const node = h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick: () => run(node) }, icon(name));
    return node;
  };
  const actions = (anchor) => {
    const own = world.state.shortcuts.filter((one) => one.on === "message");
    menu(anchor, [
      { heading: `More actions · ${world.appName}` },
      ...(own.length ? own.map((one) => ({ label: one.name, detail: one.description, icon: icon("pulse", 18), run: () => world.shortcut(one, message) }))
        : [{ label: "No shortcuts", detail: `${world.appName} offers none for messages`, run: () => {} }]),
      { heading: "This message" },
      { label: "Copy link", icon: icon("reply", 18), run: () => world.copyLink(message) },
    ], { label: "More actions", wide: true });
  };
  const faces = (anchor) => menu(anchor, QUICK.map((name) => ({ label: name.replace(/_/g, " "), icon: emojiNode(name), run: () => world.react(message, name, false) })), { label: "Add a reaction" });
  return h("div", { class: "tools", role: "group", "aria-label": "Message actions" },
    can && tool("smile", "Add a reaction", faces),
    can && !inThread && tool("reply", "Reply in thread", () => world.openThread(message)),
    can && tool("more", "More actions", actions));
}

export function messageNode(message, world, { first = true, inThread = false } = {}) {
  const who = author(message, world);
  const seconds = Number(message.ts);
  const time = h("a", { class: "time", href: `/archives/${message.channel}/p${message.ts.replace(".", "")}`, title: full(seconds, world.zone), onclick: (event) => { event.preventDefault(); world.copyLink(message); } }, clock(seconds, world.zone));
  if (message.subtype === "channel_join") {
    return h("article", { class: "message quiet", data: { ts: message.ts } }, h("div", { class: "gutter" }, avatar(who)), h("div", { class: "body" }, h("div", { class: "head" }, h("span", { class: "name" }, who.real_name), time), h("div", { class: "text muted" }, "joined the channel")));
  }
  const context = contextOf(message, world);
  const head = first && h("div", { class: "head" }, h("span", { class: "name" }, who.real_name), (who.bot || who.app) && h("span", { class: "badge" }, "APP"), time);
  const edited = message.edited ? h("span", { class: "edited", title: full(Number(message.edited.ts), world.zone) }, " (edited)") : null;
  const content = message.blocks?.length ? [...blocks(message.blocks, context), edited && !who.app ? h("div", { class: "text" }, edited) : null]
    : message.text ? [h("div", { class: `text${message.subtype === "tombstone" ? " muted" : ""}` }, mrkdwn(message.text, world), edited)] : [];
  return h("article", {
    class: `message${first ? " first" : ""}${message.ephemeral ? " ephemeral" : ""}`, data: { ts: message.ts }, tabindex: "-1",
    "aria-label": `${who.real_name}, ${clock(seconds, world.zone)}${message.ephemeral ? ", only visible to you" : ""}`,
  },
  h("div", { class: "gutter" }, first ? avatar(who) : time.cloneNode(true)),
  h("div", { class: "body" },
    message.ephemeral && h("div", { class: "only-you" }, icon("eye", 14), "Only visible to you"),
    message.pinned_to?.length ? h("div", { class: "only-you" }, icon("pin", 14), "Pinned") : null,
    message.subtype === "thread_broadcast" && !inThread && h("div", { class: "only-you" }, icon("reply", 14), "Replied to a thread"),
    head, content,
    (message.attachments ?? []).map((one) => attachment(one, context, world)),
    message.files?.length ? h("div", { class: "files" }, message.files.map(fileCard)) : null,
    reactions(message, world), !inThread && footer(message, world)),
  toolbar(message, world, { inThread }));
}

// Keeps a list of messages in step with the workspace, drawing only what changed.
export class MessageList {
  constructor(world, { inThread = false, empty = null } = {}) {
    this.world = world;
    this.inThread = inThread;
    this.empty = empty;
    this.messages = new Map();
    this.newFrom = null;
    this.node = h("div", { class: "messages", role: "log", "aria-label": inThread ? "Thread" : "Messages", "aria-live": "polite", "aria-relevant": "additions", tabindex: "0" });
    this.inner = h("div", { class: "messages-inner" });
    this.node.append(this.inner);
    // Pictures and late styles change heights; whoever was at the end stays there.
    this.stuck = true;
    this.node.addEventListener("scroll", () => { this.stuck = this.atEnd(); });
    // A button that is being pressed must not be drawn anew before the press is over: the press would be lost.
    this.held = null;
    this.inner.addEventListener("pointerdown", () => { this.held ??= []; });
    for (const over of ["pointerup", "pointercancel"]) {
      addEventListener(over, () => setTimeout(() => {
        const held = this.held ?? [];
        this.held = null;
        for (const message of held) this.put(message);
      }));
    }
    new ResizeObserver(() => { if (this.stuck) this.toEnd(); }).observe(this.inner);
  }

  atEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 60;
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  set(messages, newFrom = null) {
    this.messages = new Map(messages.map((one) => [one.ts, one]));
    this.newFrom = newFrom;
    this.draw();
    this.stuck = true;
    this.toEnd();
  }

  put(message) {
    if (this.held) {
      this.held.push(message);
      return;
    }
    const known = this.messages.has(message.ts);
    const last = [...this.messages.keys()].at(-1) ?? "0";
    this.messages.set(message.ts, message);
    const existing = known && this.inner.querySelector(`[data-ts="${CSS.escape(message.ts)}"]`);
    if (existing) {
      keepFocus(this.inner, () => {
        const next = messageNode(message, this.world, { first: existing.classList.contains("first"), inThread: this.inThread });
        if (existing.classList.contains("pointed")) next.classList.add("pointed");
        existing.replaceWith(next);
      });
    } else if (!known && message.ts > last && this.messages.size > 1) {
      this.#append(message, this.messages.get(last));
    } else {
      this.messages = new Map([...this.messages].sort(([a], [b]) => (a < b ? -1 : 1)));
      keepFocus(this.inner, () => this.draw());
    }
    if (this.stuck || message.user === this.world.me || message.ephemeral) this.toEnd();
  }

  drop(ts) {
    if (this.messages.delete(ts)) keepFocus(this.inner, () => this.draw());
  }

  point(ts) {
    const node = this.inner.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    if (!node) return toast("That message is not here any more.");
    this.stuck = false;
    node.scrollIntoView({ block: node.offsetHeight > this.node.clientHeight ? "start" : "center" });
    node.classList.add("pointed");
    return setTimeout(() => node.classList.remove("pointed"), 4000);
  }

  draw() {
    fill(this.inner, this.messages.size === 0 || !this.inThread ? this.empty?.() : null);
    let previous = null;
    for (const message of this.messages.values()) {
      this.#append(message, previous);
      previous = message;
    }
  }

  #append(message, previous) {
    const { zone } = this.world;
    const seconds = Number(message.ts);
    const newDay = !previous || dayKey(Number(previous.ts), zone) !== dayKey(seconds, zone);
    if (newDay && !this.inThread) this.inner.append(h("div", { class: "day", role: "separator" }, h("span", {}, day(seconds, zone))));
    if (this.inThread && previous && this.messages.values().next().value.ts === previous.ts) {
      const count = this.messages.size - 1;
      this.inner.append(h("div", { class: "day thread-line", role: "separator" }, h("span", {}, `${count} ${count === 1 ? "reply" : "replies"}`)));
    }
    const isNew = this.newFrom !== null && message.ts > this.newFrom && (!previous || previous.ts <= this.newFrom);
    if (isNew && previous) this.inner.append(h("div", { class: "new-line", role: "separator" }, h("span", {}, "New")));
    const same = previous && !newDay && !isNew && author(previous, this.world).id === author(message, this.world).id && previous.subtype !== "channel_join"
      && seconds - Number(previous.ts) < TOGETHER && !message.ephemeral && !previous.ephemeral && !message.blocks?.length && !previous.reply_count;
    this.inner.append(messageNode(message, this.world, { first: !same, inThread: this.inThread }));
    if (this.inThread) this.#count();
  }

  #count() {
    const line = this.inner.querySelector(".thread-line span");
    const count = this.messages.size - 1;
    if (line) line.textContent = `${count} ${count === 1 ? "reply" : "replies"}`;
  }
}
