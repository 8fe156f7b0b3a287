// The left side: who I am, where I can go, what there is to try.

import { fill, h, icon } from "./dom.js";
import { avatar } from "./messages.js";
import { menu } from "./popover.js";

function entry(world, where, { id, label, mark, unread = 0, mentions = 0, detail = "" }) {
  const here = world.at === id;
  return h("li", {}, h("button", {
    type: "button", class: `place${here ? " here" : ""}${unread ? " unread" : ""}`, "aria-current": here ? "page" : null, data: { place: id }, onclick: () => world.open(id),
  }, mark, h("span", { class: "place-name" }, label), detail && h("span", { class: "place-detail" }, detail),
  mentions ? h("span", { class: "count" }, String(mentions), h("span", { class: "unseen" }, " unread for you")) : unread ? h("span", { class: "unseen" }, ` ${unread} unread`) : null));
}

function switcher(world) {
  const me = world.person(world.me);
  const button = h("button", {
    type: "button", class: "switcher", "aria-haspopup": "menu", "aria-expanded": "false",
    onclick: () => menu(button, [{ heading: "Act as" }, ...world.state.people.map((one) => ({
      label: one.real_name, detail: one.title, icon: avatar(one, 28), checked: one.id === world.me, run: () => world.become(one.id),
    }))], { label: "Act as", wide: true }),
  }, avatar(me, 36), h("span", { class: "switcher-text" }, h("small", {}, "Act as"), h("strong", {}, me.real_name), h("span", {}, me.title)), icon("chevron", 16));
  return button;
}

function theme() {
  const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = h("button", { type: "button", class: "icon-button", onclick: () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
    draw();
  } });
  const draw = () => {
    fill(button, icon(dark() ? "sun" : "moon"));
    button.setAttribute("aria-label", dark() ? "Light colours" : "Dark colours");
    button.title = button.getAttribute("aria-label");
  };
  draw();
  return button;
}

export function drawSidebar(node, world) {
  const { state } = world;
  const channels = state.conversations.filter((one) => one.kind !== "im" && !one.archived).sort((a, b) => a.name.localeCompare(b.name));
  const direct = state.conversations.find((one) => one.id === state.app.direct);
  const others = state.people.filter((one) => one.id !== world.me && !one.bot);
  const list = (title, entries) => [h("h2", {}, title), h("ul", {}, entries)];
  const scroll = node.querySelector(".sidebar-scroll")?.scrollTop ?? 0;
  fill(node,
    h("div", { class: "sidebar-head" }, h("div", { class: "team" }, h("strong", {}, state.team.name), h("small", {}, "Nothing here leaves this machine")), theme()),
    switcher(world),
    h("div", { class: "sidebar-scroll" },
      list("Channels", channels.map((one) => entry(world, one, { id: one.id, label: one.name, unread: one.unread, mentions: one.mentions, mark: icon(one.kind === "group" ? "lock" : "hash", 16) }))),
      list("Apps", [entry(world, direct, { id: state.app.direct, label: state.app.name, unread: direct?.unread, mentions: direct?.mentions, mark: avatar({ app: true }, 20), detail: state.app.connected ? "" : "offline" })]),
      list("Direct messages", others.map((one) => {
        const place = state.conversations.find((where) => where.kind === "im" && where.with === one.id);
        return entry(world, place, { id: place?.id ?? `with:${one.id}`, label: one.real_name, unread: place?.unread, mentions: place?.mentions, mark: avatar(one, 20) });
      })),
      state.launchers.length ? h("section", { class: "try", "aria-labelledby": "try-title" }, h("h2", { id: "try-title" }, "Try it"),
        state.launchers.map((one) => h("button", { type: "button", class: "launcher", title: one.text, onclick: () => world.launch(one) }, h("span", { class: "launcher-label" }, icon("play", 14), one.label), one.description && h("small", {}, one.description)))) : null));
  node.querySelector(".sidebar-scroll").scrollTop = scroll;
}
