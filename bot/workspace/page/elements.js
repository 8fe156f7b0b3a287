// Block Kit's interactive elements. `context` has: world, enter(block, action, choice), entered(block, action),
// act(block, action, choice) → {ok, error}, and `idBase` to tie labels to inputs.

import { fill, h, icon } from "./dom.js";
import { mrkdwn, plainText } from "./mrkdwn.js";
import { ask, menu, toast } from "./popover.js";
import { picture } from "./pictures.js";

export const text = (object, world) =>
  !object ? [] : object.type === "mrkdwn" ? mrkdwn(object.text, world) : plainText(object.text);

export const plain = (object) => object?.text ?? "";

async function perform(element, block, choice, context, control) {
  if (element.confirm && !(await ask(element.confirm, text(element.confirm.text, context.world)))) return false;
  control?.classList.add("waiting");
  control?.setAttribute("aria-busy", "true");
  let outcome;
  try {
    outcome = await context.act(block.block_id, element.action_id, choice);
  } catch (error) {
    outcome = { ok: false, error: error.message };
  }
  control?.classList.remove("waiting");
  control?.removeAttribute("aria-busy");
  control?.parentElement?.querySelector(`.no-answer`)?.remove();
  if (!outcome.ok) {
    const words = outcome.error === "operation_timeout" || outcome.error === "dispatch_failed"
      ? `${context.world.appName} did not answer (${outcome.error}).` : outcome.error;
    control?.after(h("span", { class: "no-answer", role: "img", "aria-label": words, title: words }, icon("warn", 16)));
    toast(words, { kind: "warn" });
  }
  return outcome.ok;
}

// What a stateful element holds at the moment: what was entered, or what the app put there.
function current(element, block, context) {
  const given = context.entered(block.block_id, element.action_id);
  if (given !== undefined) return given;
  return element.initial_value ?? element.initial_option?.value ?? element.initial_options?.map((one) => one.value)
    ?? element.initial_user ?? element.initial_users ?? element.initial_channel ?? element.initial_channels
    ?? element.initial_conversation ?? element.initial_conversations ?? element.initial_date ?? element.initial_time
    ?? element.initial_date_time ?? null;
}

function chosen(element, block, choice, context, control) {
  context.enter(block.block_id, element.action_id, choice);
  if (block.type !== "input" || block.dispatch_action) perform(element, block, choice, context, control);
}

const attributes = (element, block, context, extra = {}) => ({
  id: `${context.idBase}-${block.block_id}-${element.action_id}`,
  data: { block: block.block_id, action: element.action_id },
  "aria-label": block.type === "input" ? null : plain(element.placeholder) || element.accessibility_label || element.action_id,
  "aria-describedby": block.hint ? `${context.idBase}-${block.block_id}-hint` : null,
  ...extra,
});

function button(element, block, context) {
  const style = element.style ? ` ${element.style}` : "";
  const node = h("button", {
    type: "button", class: `button${style}`, "aria-label": element.accessibility_label,
    data: { block: block.block_id, action: element.action_id },
    onclick: () => {
      if (node.classList.contains("waiting")) return;
      if (element.url && /^https?:/.test(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
      perform(element, block, null, context, node);
    },
  }, h("span", {}, text(element.text, context.world)));
  return node;
}

// [{label, value, detail}] or groups of them, for every kind of select.
function offered(element, world) {
  const kind = element.type.replace("multi_", "");
  if (kind === "users_select") return world.people().map((one) => ({ label: one.real_name, value: one.id }));
  if (kind === "channels_select") return world.channels().map((one) => ({ label: `#${one.name}`, value: one.id }));
  if (kind === "conversations_select") {
    return [...world.channels().map((one) => ({ label: `#${one.name}`, value: one.id })), ...world.directs()];
  }
  const shown = (option) => ({ label: plain(option.text), value: option.value, detail: plain(option.description) });
  if (element.option_groups) return element.option_groups.map((group) => ({ group: plain(group.label), options: group.options.map(shown) }));
  return (element.options ?? []).map(shown);
}

const flat = (choices) => choices.flatMap((one) => one.options ?? [one]);

function optionNodes(choices, value) {
  const one = (choice) => h("option", { value: choice.value, selected: choice.value === value }, choice.detail ? `${choice.label} — ${choice.detail}` : choice.label);
  return choices.map((choice) => (choice.options ? h("optgroup", { label: choice.group }, choice.options.map(one)) : one(choice)));
}

function select(element, block, context) {
  const value = current(element, block, context);
  const node = h("select", attributes(element, block, context, {
    class: "select", onchange: () => chosen(element, block, node.value || null, context, node),
  }), h("option", { value: "", selected: value === null }, plain(element.placeholder) || "Choose an option"), optionNodes(offered(element, context.world), value));
  return h("span", { class: "select-box" }, node, icon("chevron", 16));
}

function multiSelect(element, block, context) {
  const box = h("div", { class: "multi" });
  const choices = offered(element, context.world);
  let values = [...(current(element, block, context) ?? [])];
  const set = (next) => {
    values = next;
    draw();
    chosen(element, block, values, context, box);
  };
  const draw = () => {
    const label = (value) => flat(choices).find((one) => one.value === value)?.label ?? value;
    const left = choices.map((one) => (one.options ? { ...one, options: one.options.filter((o) => !values.includes(o.value)) } : one)).filter((one) => !values.includes(one.value));
    const most = element.max_selected_items ?? Infinity;
    const adder = h("select", attributes(element, block, context, {
      class: "select", disabled: values.length >= most, onchange: () => adder.value && set([...values, adder.value]),
    }), h("option", { value: "" }, values.length ? "Add another" : plain(element.placeholder) || "Choose options"), optionNodes(left));
    fill(box, values.map((value) => h("span", { class: "chip" }, label(value),
      h("button", { type: "button", "aria-label": `Remove ${label(value)}`, onclick: () => set(values.filter((one) => one !== value)) }, icon("close", 12)))),
    h("span", { class: "select-box" }, adder, icon("chevron", 16)));
  };
  draw();
  return box;
}

function choices(element, block, context, kind) {
  const group = h("div", { class: "choices", role: kind === "radio" ? "radiogroup" : "group", "aria-label": block.label ? plain(block.label) : element.action_id });
  const value = current(element, block, context);
  const isOn = (option) => (kind === "radio" ? value === option.value : (value ?? []).includes(option.value));
  element.options.forEach((option, index) => {
    const input = h("input", {
      type: kind, name: `${context.idBase}-${block.block_id}-${element.action_id}`, value: option.value, checked: isOn(option),
      data: { block: block.block_id, action: element.action_id, index },
      onchange: () => {
        const on = [...group.querySelectorAll("input:checked")].map((one) => one.value);
        chosen(element, block, kind === "radio" ? on[0] ?? null : on, context, group);
      },
    });
    group.append(h("label", { class: "choice" }, input, h("span", {}, text(option.text, context.world),
      option.description && h("small", {}, text(option.description, context.world)))));
  });
  return group;
}

function field(element, block, context, type) {
  const send = (node) => chosen(element, block, node.value || null, context, node);
  const typed = ["text", "number", "email", "url"].includes(type);
  const node = h("input", attributes(element, block, context, {
    type, class: "field", value: current(element, block, context) ?? "", placeholder: plain(element.placeholder) || null,
    min: element.min_value, max: element.max_value, maxlength: element.max_length, step: type === "number" ? (element.is_decimal_allowed ? "any" : "1") : null,
    inputmode: type === "number" ? (element.is_decimal_allowed ? "decimal" : "numeric") : null, autocomplete: "off",
    oninput: typed ? () => context.enter(block.block_id, element.action_id, node.value) : null,
    onchange: typed ? null : () => send(node),
    onkeydown: typed && block.dispatch_action ? (event) => event.key === "Enter" && (event.preventDefault(), send(node)) : null,
  }));
  return node;
}

function area(element, block, context) {
  const node = h("textarea", attributes(element, block, context, {
    class: "field", rows: "4", placeholder: plain(element.placeholder) || null, maxlength: element.max_length,
    oninput: () => context.enter(block.block_id, element.action_id, node.value),
  }));
  node.value = current(element, block, context) ?? "";
  return node;
}

function moment(element, block, context) {
  const shift = (seconds) => {
    const parts = new Intl.DateTimeFormat("sv-SE", { timeZone: context.world.zone, dateStyle: "short", timeStyle: "short" }).format(seconds * 1000);
    return parts.replace(" ", "T");
  };
  const value = current(element, block, context);
  const node = h("input", attributes(element, block, context, {
    type: "datetime-local", class: "field", value: value ? shift(value) : "",
    onchange: () => {
      // The clock on the wall of the person's zone, turned into a moment: guess as UTC, then correct by the difference.
      const guess = Date.parse(`${node.value}Z`) / 1000;
      const seconds = guess - (Date.parse(`${shift(guess)}Z`) / 1000 - guess);
      chosen(element, block, Number.isFinite(seconds) ? seconds : null, context, node);
    },
  }));
  return node;
}

function overflow(element, block, context) {
  const node = h("button", {
    type: "button", class: "button overflow", "aria-label": "More choices", "aria-haspopup": "menu", data: { block: block.block_id, action: element.action_id },
    onclick: () => menu(node, element.options.map((option) => ({
      label: plain(option.text), detail: plain(option.description), run: () => perform(element, block, option.value, context, node),
    }))),
  }, icon("more"));
  return node;
}

function feedback(element, block, context) {
  return ["positive_button", "negative_button"].map((name) => {
    const node = h("button", {
      type: "button", class: "button", onclick: () => perform(element, block, element[name].value, context, node),
    }, text(element[name].text, context.world));
    return node;
  });
}

export function element(one, block, context) {
  switch (one.type) {
    case "button": return button(one, block, context);
    case "static_select": case "users_select": case "channels_select": case "conversations_select": return select(one, block, context);
    case "multi_static_select": case "multi_users_select": case "multi_channels_select": case "multi_conversations_select":
      return multiSelect(one, block, context);
    case "radio_buttons": return choices(one, block, context, "radio");
    case "checkboxes": return choices(one, block, context, "checkbox");
    case "plain_text_input": return one.multiline ? area(one, block, context) : field(one, block, context, "text");
    case "number_input": return field(one, block, context, "number");
    case "email_text_input": return field(one, block, context, "email");
    case "url_text_input": return field(one, block, context, "url");
    case "datepicker": return field(one, block, context, "date");
    case "timepicker": return field(one, block, context, "time");
    case "datetimepicker": return moment(one, block, context);
    case "overflow": return overflow(one, block, context);
    case "feedback_buttons": return feedback(one, block, context);
    case "image": return picture(one, "accessory");
    default: return h("em", { class: "unknown" }, `(${one.type} is not shown here)`);
  }
}
