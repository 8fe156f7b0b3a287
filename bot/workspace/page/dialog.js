// Modals: the top of the person's stack in a dialog element, which keeps the focus inside and closes on Escape.

import { fill, h, icon } from "./dom.js";
import { blocks, keepFocus } from "./blocks.js";
import { plain } from "./elements.js";

// What a view's inputs hold here and now, before the app hears of it. Kept where view, block and action stay the same.
export class Entered {
  constructor() {
    this.values = {};
  }

  context(view, world) {
    return {
      world,
      idBase: view.id,
      enter: (block, action, choice) => { (this.values[block] ??= {})[action] = choice; },
      entered: (block, action) => this.values[block]?.[action],
      act: (block, action, choice) => world.api.post("action", { view_id: view.id, block_id: block, action_id: action, choice, values: this.values }),
    };
  }
}

export class Modals {
  constructor(world) {
    this.world = world;
    this.view = null;
    this.entered = new Map();
    this.errors = {};
    this.trouble = "";
    this.node = null;
  }

  show(view) {
    const same = this.view?.id === view?.id;
    this.view = view;
    if (!same) this.trouble = "";
    this.errors = {};
    if (!view) {
      this.node?.close();
      this.node?.remove();
      this.node = null;
      this.entered.clear();
      return;
    }
    if (!this.entered.has(view.id)) this.entered.set(view.id, new Entered());
    if (!this.node) {
      this.node = h("dialog", { class: "dialog", "aria-labelledby": "modal-title" });
      this.node.addEventListener("cancel", (event) => { event.preventDefault(); this.dismiss(); });
      document.body.append(this.node);
      this.draw();
      this.node.showModal();
    } else this.draw();
    if (!same) (this.node.querySelector(".dialog-body :is(input, textarea, select), .dialog-foot .primary, .dialog-body button") ?? this.node).focus();
  }

  draw() {
    const { view, world } = this;
    const context = this.entered.get(view.id).context(view, world);
    const scroll = this.node.querySelector(".dialog-body")?.scrollTop ?? 0;
    keepFocus(this.node, () => fill(this.node,
      h("header", { class: "dialog-head" }, h("span", { class: "dialog-app", "aria-hidden": "true" }, icon("pulse", 18)), h("h2", { id: "modal-title" }, plain(view.title)),
        h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.dismiss() }, icon("close"))),
      h("form", { class: "dialog-form", novalidate: true, onsubmit: (event) => { event.preventDefault(); this.submit(); } },
        h("div", { class: "dialog-body" }, this.trouble && h("div", { class: "error trouble", role: "alert" }, this.trouble), blocks(view.blocks, context, this.errors)),
        h("footer", { class: "dialog-foot" },
          h("button", { type: "button", class: "button", onclick: () => this.dismiss() }, plain(view.close) || (view.submit ? "Cancel" : "Close")),
          view.submit && h("button", { type: "submit", class: "button primary solid", disabled: view.submit_disabled }, plain(view.submit))))));
    this.node.querySelector(".dialog-body").scrollTop = scroll;
  }

  async submit() {
    const button = this.node.querySelector('[type="submit"]');
    if (!button || button.classList.contains("waiting")) return;
    button.classList.add("waiting");
    const { id } = this.view;
    try {
      const outcome = await this.world.api.post("view/submit", { view_id: id, values: this.entered.get(id).values });
      if (this.view?.id !== id) return;
      this.errors = outcome.errors;
      this.trouble = outcome.error;
    } catch (error) {
      this.trouble = error.message;
    }
    button.classList.remove("waiting");
    if (this.view?.id === id && (this.trouble || Object.keys(this.errors).length)) {
      this.draw();
      this.node.querySelector('[aria-invalid="true"]')?.focus();
    }
  }

  async dismiss() {
    try {
      await this.world.api.post("view/close", { view_id: this.view.id });
    } catch {
      this.show(null);
    }
  }
}
