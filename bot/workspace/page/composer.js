// Where people write: grows with its text, offers commands after "/" and people after "@".

import { fill, h, icon } from "./dom.js";
import { toast } from "./popover.js";
import { avatar } from "./messages.js";

let count = 0;

export class Composer {
  constructor(world, { label, send, commands }) {
    this.world = world;
    this.send = send;
    this.commands = commands;
    this.matches = [];
    this.at = 0;
    const id = `suggestions-${++count}`;
    this.field = h("textarea", {
      rows: "1", placeholder: label, "aria-label": label, "aria-autocomplete": "list", "aria-controls": id, "aria-expanded": "false",
      role: "combobox", maxlength: "40000", oninput: () => this.changed(), onkeydown: (event) => this.key(event), onblur: () => setTimeout(() => this.show([]), 150),
    });
    this.list = h("div", { class: "suggestions", id, role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.button = h("button", { type: "button", class: "send", "aria-label": "Send", disabled: true, onclick: () => this.submit() }, icon("send"));
    this.hint = h("span", { class: "composer-hint" }, commands ? "/ for commands, @ to mention, Shift + Enter for a new line" : "@ to mention, Shift + Enter for a new line");
    this.node = h("div", { class: "composer" }, this.list, h("div", { class: "composer-box" }, this.field, h("div", { class: "composer-foot" }, this.hint, this.button)));
  }

  focus() {
    this.field.focus();
  }

  set(text) {
    this.field.value = text;
    this.changed();
  }

  changed() {
    const { field } = this;
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 220)}px`;
    this.button.disabled = !field.value.trim();
    const before = field.value.slice(0, field.selectionStart);
    const command = this.commands && /^\/(\S*)$/.exec(before);
    const mention = /(?:^|\s)@([\w.-]*)$/.exec(before);
    if (command) {
      this.show(this.world.state.commands.filter((one) => one.command.slice(1).startsWith(command[1].toLowerCase())).map((one) => ({
        insert: `${one.command} `, from: 0, label: one.command, detail: one.usage_hint, note: one.description, face: avatar({ app: true }, 28),
      })));
    } else if (mention) {
      const typed = mention[1].toLowerCase();
      const fits = (...names) => names.some((name) => name.toLowerCase().split(/\s+/).some((word) => word.startsWith(typed)));
      const from = before.length - typed.length - 1;
      const people = this.world.people().filter((one) => fits(one.name, one.real_name)).map((one) => ({ insert: `@${one.app ? one.real_name : one.name} `, from, label: one.real_name, note: one.title, face: avatar(one, 28) }));
      const groups = this.world.state.groups.filter((one) => fits(one.handle, one.name)).map((one) => ({ insert: `@${one.handle} `, from, label: `@${one.handle}`, note: one.name }));
      this.show([...people, ...groups].slice(0, 8));
    } else this.show([]);
  }

  show(matches) {
    this.matches = matches;
    this.at = 0;
    this.list.hidden = matches.length === 0;
    this.field.setAttribute("aria-expanded", String(matches.length > 0));
    fill(this.list, matches.map((one, index) => h("div", {
      role: "option", id: `${this.list.id}-${index}`, class: "suggestion",
      onpointerdown: (event) => { event.preventDefault(); this.take(one); },
    }, one.face, h("span", { class: "suggestion-text" }, h("strong", {}, one.label), one.detail && h("code", {}, one.detail), one.note && h("small", {}, one.note)))));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((node, index) => node.setAttribute("aria-selected", String(index === this.at)));
    if (this.matches.length) this.field.setAttribute("aria-activedescendant", `${this.list.id}-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  take(match) {
    const after = this.field.value.slice(this.field.selectionStart);
    this.field.value = this.field.value.slice(0, match.from) + match.insert + after;
    const at = match.from + match.insert.length;
    this.field.setSelectionRange(at, at);
    this.field.focus();
    this.changed();
  }

  key(event) {
    if (event.isComposing) return;
    if (this.matches.length) {
      const steps = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in steps) {
        this.at = (this.at + steps[event.key] + this.matches.length) % this.matches.length;
        this.mark();
      } else if (event.key === "Escape") this.show([]);
      else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) {
        const match = this.matches[this.at];
        if (event.key === "Enter" && this.field.value.trim() === match.insert.trim()) {
          this.submit();
        } else this.take(match);
      } else return;
      event.preventDefault();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.submit();
    }
  }

  async submit() {
    const text = this.field.value.trim();
    if (!text) return;
    this.set("");
    try {
      await this.send(text);
    } catch (error) {
      this.set(text);
      toast(error.message, { kind: "warn" });
    }
  }
}
