// What the middle and the right side show: a channel, the app with its tabs, a thread.

import { add, fill, h, icon } from "./dom.js";
import { blocks, keepFocus } from "./blocks.js";
import { Composer } from "./composer.js";
import { Entered } from "./dialog.js";
import { MessageList, avatar } from "./messages.js";
import { mrkdwn } from "./mrkdwn.js";

function menuButton(world) {
  return h("button", { type: "button", class: "icon-button menu-button", "aria-label": "Channels and people", onclick: () => world.openSidebar() }, icon("menu"));
}

function statusLine() {
  return h("div", { class: "status-line", "aria-live": "polite" });
}

export function showStatus(node, text, world) {
  fill(node, text ? [h("span", { class: "dots", "aria-hidden": "true" }), `${world.appName} ${text}`] : null);
}

const loading = () => h("div", { class: "loading", role: "status" }, "Loading…");

export class ChannelPlace {
  constructor(world, where) {
    this.world = world;
    this.where = where;
    const app = where.id === world.state.app.direct;
    this.app = app;
    this.list = new MessageList(world, { empty: () => this.beginning() });
    this.status = statusLine();
    this.title = world.nameOf(where);
    const label = where.kind === "im" ? `Message ${this.title}` : `Message #${where.name}`;
    this.composer = new Composer(world, { label, commands: true, send: (text) => world.send(where.id, text) });
    this.node = h("div", { class: "place-view" }, this.header(), app && this.tabs(), h("div", { class: "panel" }, loading()));
    this.panel = this.node.querySelector(".panel");
    this.home = app ? new HomeTab(world) : null;
  }

  header() {
    const { where, world } = this;
    const mark = this.app ? avatar({ app: true }, 28) : where.kind === "im" ? avatar(world.person(where.with) ?? { real_name: "?" }, 28) : icon(where.kind === "group" ? "lock" : "hash", 20);
    const detail = where.kind === "im" ? (this.app ? "App" : world.person(where.with)?.title) : where.topic;
    return h("header", { class: "place-head" }, menuButton(world), mark, h("h1", {}, this.title), detail && h("p", { class: "topic" }, mrkdwn(detail, world)),
      where.kind !== "im" && h("span", { class: "members", title: `${where.members} members` }, h("span", { class: "stack", "aria-hidden": "true" }, world.state.people.filter((one) => !one.bot).slice(0, 3).map((one) => avatar(one, 20))), String(where.members), h("span", { class: "unseen" }, " members")));
  }

  beginning() {
    const { where, world } = this;
    if (this.app) {
      return h("div", { class: "beginning" }, avatar({ app: true }, 48), h("h2", {}, this.title), h("p", {}, world.state.app.description), h("p", { class: "muted" }, "Write here as you would to a colleague, or type / for commands."));
    }
    if (where.kind === "im") return h("div", { class: "beginning" }, avatar(world.person(where.with) ?? { real_name: "?" }, 48), h("h2", {}, this.title), h("p", { class: "muted" }, "Only the two of you see what is written here."));
    return h("div", { class: "beginning" }, h("h2", {}, "#", where.name), where.purpose && h("p", {}, mrkdwn(where.purpose, world)), h("p", { class: "muted" }, "This is the very beginning of the channel."));
  }

  tabs() {
    const names = [["home", "Home"], ["messages", "Messages"], ["about", "About"]];
    const node = h("div", { class: "tabs", role: "tablist", "aria-label": this.title });
    const choose = (id, focus) => {
      this.tab = id;
      for (const tab of node.children) {
        const on = tab.dataset.tab === id;
        tab.setAttribute("aria-selected", String(on));
        tab.tabIndex = on ? 0 : -1;
        if (on && focus) tab.focus();
      }
      return this.showTab(id);
    };
    this.choose = choose;
    names.forEach(([id, label], index) => node.append(h("button", {
      type: "button", role: "tab", data: { tab: id }, id: `tab-${id}`, "aria-controls": "tab-panel", onclick: () => choose(id),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) choose(names[(index + step + names.length) % names.length][0], true);
      },
    }, label)));
    return node;
  }

  async start(tab = "messages") {
    if (this.app) {
      this.panel.id = "tab-panel";
      this.panel.setAttribute("role", "tabpanel");
      this.starting = true;
      const shown = this.choose(tab);
      this.starting = false;
      await shown;
    } else {
      this.showMessages();
      await this.load();
    }
  }

  showTab(id) {
    this.panel.setAttribute("aria-labelledby", `tab-${id}`);
    if (!this.starting) this.world.remember();
    if (id === "home") {
      fill(this.panel, this.home.node);
      return this.home.start();
    }
    if (id === "about") {
      const { state } = this.world;
      fill(this.panel, h("div", { class: "about" }, avatar({ app: true }, 72), h("h2", {}, state.app.name), h("p", {}, state.app.description),
        h("h3", {}, "Commands"), h("dl", {}, state.commands.map((one) => [h("dt", {}, h("code", {}, `${one.command} ${one.usage_hint}`)), h("dd", {}, one.description)])),
        state.shortcuts.length ? [h("h3", {}, "Shortcuts"), h("dl", {}, state.shortcuts.map((one) => [h("dt", {}, one.name), h("dd", {}, one.description || (one.on === "message" ? "In a message’s menu, under More actions" : ""),
          one.on === "global" && h("button", { type: "button", class: "button small", onclick: () => this.world.shortcut(one) }, "Use it"))]))] : null));
      return Promise.resolve();
    }
    this.world.api.post("home", { tab: "messages" }).catch(() => {});
    this.showMessages();
    return this.load();
  }

  showMessages() {
    fill(this.panel, this.list.node, h("div", { class: "composer-area" }, this.where.archived ? h("p", { class: "muted" }, "This channel is archived.") : this.composer.node, this.status));
  }

  get reading() {
    return !this.app || this.tab === "messages";
  }

  async load() {
    const { where, world } = this;
    const found = await world.api.get("messages", { channel: where.id });
    const read = world.where(where.id)?.read ?? "0";
    const last = found.messages.at(-1)?.ts ?? "0";
    const unread = found.messages.some((one) => one.ts > read && one.user !== world.me);
    this.list.set(found.messages, unread && read !== "0" ? read : null);
    showStatus(this.status, found.status, world);
    world.markRead(where.id, last);
  }
}

class HomeTab {
  constructor(world) {
    this.world = world;
    this.entered = new Entered();
    this.node = h("div", { class: "home", tabindex: "0", role: "region", "aria-label": `${world.appName} home` }, loading());
  }

  async start() {
    const shown = this.shown;
    const { view } = await this.world.api.post("home", { tab: "home" });
    // The app may have published in the meantime; the feed brought that already.
    if (this.shown === shown) this.show(view);
  }

  show(view) {
    this.shown = (this.shown ?? 0) + 1;
    if (!view) {
      fill(this.node, h("div", { class: "home-inner" }, h("div", { class: "beginning" }, avatar({ app: true }, 48), h("h2", {}, "Nothing here yet"), h("p", { class: "muted" }, `${this.world.appName} fills this page when it is ready.`))));
      return;
    }
    const scroll = this.node.scrollTop;
    keepFocus(this.node, () => fill(this.node, h("div", { class: "home-inner" }, blocks(view.blocks, this.entered.context(view, this.world)))));
    this.node.scrollTop = scroll;
  }
}

export class ThreadPlace {
  constructor(world, where, ts) {
    this.world = world;
    this.where = where;
    this.ts = ts;
    this.list = new MessageList(world, { inThread: true });
    this.status = statusLine();
    this.composer = new Composer(world, { label: "Reply…", commands: false, send: (text) => world.send(where.id, text, ts) });
    this.node = h("div", { class: "place-view" },
      h("header", { class: "place-head" }, h("h1", {}, "Thread"), h("p", { class: "topic" }, where.kind === "im" ? world.nameOf(where) : `#${where.name}`), h("button", { type: "button", class: "icon-button push", "aria-label": "Close the thread", onclick: () => world.closeThread() }, icon("close"))),
      this.list.node, h("div", { class: "composer-area" }, this.composer.node, this.status));
  }

  async load() {
    const found = await this.world.api.get("messages", { channel: this.where.id, thread_ts: this.ts });
    this.list.set(found.messages);
    showStatus(this.status, found.status, this.world);
    this.composer.focus();
  }
}

export function lostBanner() {
  return add(h("div", { class: "lost", role: "alert" }), [icon("warn", 16), "The workspace does not answer. Trying again…"]);
}
