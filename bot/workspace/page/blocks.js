// Block Kit's blocks as elements. `context` is described in elements.js; `errors` are by block id.

import { h } from "./dom.js";
import { element, plain, text } from "./elements.js";
import { markdown } from "./mrkdwn.js";
import { picture } from "./pictures.js";
import { richText } from "./richtext.js";

function section(block, context) {
  const body = h("div", { class: "section-body" });
  if (block.text) body.append(h("div", { class: "text" }, text(block.text, context.world)));
  if (block.fields?.length) {
    body.append(h("div", { class: "fields" }, block.fields.map((one) => h("div", { class: "text" }, text(one, context.world)))));
  }
  return h("div", { class: "block section" }, body, block.accessory && h("div", { class: `accessory accessory-${block.accessory.type}` }, element(block.accessory, block, context)));
}

function contextBlock(block, context) {
  return h("div", { class: "block context" }, block.elements.map((one) =>
    one.type === "image" ? picture(one, "context") : h("span", { class: "text" }, text(one, context.world))));
}

function image(block, context) {
  return h("figure", { class: "block image-block" }, block.title && h("figcaption", {}, text(block.title, context.world)), picture(block));
}

function input(block, context, error) {
  const base = `${context.idBase}-${block.block_id}`;
  const single = !["radio_buttons", "checkboxes"].includes(block.element.type);
  const label = h(single ? "label" : "div", { class: "label", for: single ? `${base}-${block.element.action_id}` : null }, text(block.label, context.world), block.optional && h("span", { class: "optional" }, " (optional)"));
  const node = h("div", { class: `block input${error ? " wrong" : ""}` }, label, element(block.element, block, context),
    block.hint && h("div", { class: "hint", id: `${base}-hint` }, text(block.hint, context.world)),
    error && h("div", { class: "error", role: "alert", id: `${base}-error` }, error));
  if (error) {
    const control = node.querySelector("input, textarea, select");
    control?.setAttribute("aria-invalid", "true");
    control?.setAttribute("aria-describedby", `${base}-error`);
  }
  return node;
}

function cell(one, context) {
  if (one.type === "rich_text") return richText(one, context.world);
  return one.text ?? (one.value === undefined ? "" : String(one.value));
}

function table(block, context) {
  const [head, ...rows] = block.rows;
  const style = (index) => {
    const set = block.column_settings?.[index] ?? {};
    return [`align-${set.align ?? "left"}`, set.is_wrapped ? "wrapped" : ""].join(" ");
  };
  return h("div", { class: "block table-box", tabindex: "0", role: "region", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, head.map((one, index) => h("th", { scope: "col", class: style(index) }, cell(one, context))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one, index) => h("td", { class: style(index) }, cell(one, context))))))));
}

function block(one, context, error) {
  switch (one.type) {
    case "header": return h("h3", { class: "block header" }, text(one.text, context.world));
    case "section": return section(one, context);
    case "context": return contextBlock(one, context);
    case "actions": case "context_actions": return h("div", { class: "block actions" }, one.elements.map((part) => h("div", { class: "action" }, element(part, one, context))));
    case "divider": return h("hr", { class: "block divider" });
    case "image": return image(one, context);
    case "rich_text": return h("div", { class: "block text" }, richText(one, context.world));
    case "markdown": return h("div", { class: "block text markdown" }, markdown(one.text, context.world));
    case "table": return table(one, context);
    case "input": return input(one, context, error);
    default: return h("em", { class: "block unknown" }, `(a ${one.type} block is not shown here)`);
  }
}

export function blocks(list, context, errors = {}) {
  return list.map((one) => block(one, context, errors[one.block_id]));
}

export const summary = (list) => list.map((one) => plain(one.text)).filter(Boolean).join(" ");

// Puts the focus back after something was drawn again, where the same input or button is still there.
export function keepFocus(container, draw) {
  const active = container.contains(document.activeElement) ? document.activeElement : null;
  const { block: blockId, action, index } = active?.dataset ?? {};
  const range = active && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
  const result = draw();
  if (blockId) {
    const same = [...container.querySelectorAll("[data-action]")].find((one) => one.dataset.block === blockId && one.dataset.action === action && one.dataset.index === index);
    same?.focus({ preventScroll: true });
    if (same && range?.[0] != null && same.setSelectionRange && ["text", "textarea", "url"].includes(same.type)) same.setSelectionRange(...range);
  }
  return result;
}
