// Menus, questions and passing notices.

import { add, fill, h, icon } from "./dom.js";

// A menu under (or above) its button. Items: {label, detail, icon, danger, checked, run} or {heading}.
export function menu(anchor, items, { label = "Menu", wide = false } = {}) {
  document.querySelector(".menu")?.dispatchEvent(new Event("dismiss"));
  const close = (refocus) => {
    box.remove();
    anchor.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    if (refocus) anchor.focus();
  };
  const outside = (event) => {
    if (!box.contains(event.target) && !anchor.contains(event.target)) close(false);
  };
  const entries = items.map((item) => {
    if (item.heading) return h("div", { class: "menu-heading", role: "presentation" }, item.heading);
    return h("button", {
      type: "button", role: item.checked === undefined ? "menuitem" : "menuitemradio", class: `menu-item${item.danger ? " danger" : ""}`, tabindex: "-1",
      "aria-checked": item.checked === undefined ? null : String(item.checked),
      onclick: () => { close(true); item.run(); },
    }, item.icon, h("span", { class: "menu-text" }, h("span", {}, item.label), item.detail && h("small", {}, item.detail)), item.checked && icon("check", 16));
  });
  const box = h("div", { class: `menu${wide ? " menu-wide" : ""}`, role: "menu", "aria-label": label }, entries);
  box.addEventListener("dismiss", () => close(false));
  box.addEventListener("keydown", (event) => {
    const buttons = [...box.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const move = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (move !== undefined) buttons[(move + buttons.length) % buttons.length].focus();
    else if (event.key === "Escape" || event.key === "Tab") close(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // Inside an open dialog everything else is inert, so that is where the menu has to be.
  (anchor.closest("dialog") ?? document.body).append(box);
  const place = anchor.getBoundingClientRect();
  const left = Math.max(8, Math.min(place.left, innerWidth - box.offsetWidth - 8));
  const below = place.bottom + 4 + box.offsetHeight < innerHeight;
  box.style.left = `${left}px`;
  box.style.top = `${below ? place.bottom + 4 : Math.max(8, place.top - box.offsetHeight - 4)}px`;
  anchor.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", outside, true);
  (box.querySelector('[aria-checked="true"]') ?? box.querySelector("button"))?.focus();
}

// A confirm object of Block Kit: gives whether the person agreed.
export function ask(confirm, text) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog dialog-small", "aria-labelledby": "ask-title" });
    const end = (agreed) => { dialog.close(); dialog.remove(); resolve(agreed); };
    fill(dialog,
      h("header", { class: "dialog-head" }, h("h2", { id: "ask-title" }, confirm.title.text)),
      h("div", { class: "dialog-body" }, text),
      h("footer", { class: "dialog-foot" },
        h("button", { type: "button", class: "button", onclick: () => end(false) }, confirm.deny.text),
        h("button", { type: "button", class: `button ${confirm.style === "danger" ? "danger" : "primary"} solid`, onclick: () => end(true) }, confirm.confirm.text)));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); end(false); });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("footer button:last-child").focus();
  });
}

export function toast(text, { kind = "info", seconds = 6 } = {}) {
  const box = h("div", { class: `toast toast-${kind}` }, kind === "warn" ? icon("warn") : null, h("span", {}, text));
  add(document.getElementById("toasts"), box);
  setTimeout(() => box.remove(), seconds * 1000);
}
