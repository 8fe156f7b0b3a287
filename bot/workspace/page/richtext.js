// rich_text blocks.

import { h } from "./dom.js";
import { emojiNode } from "./emoji.js";
import { broadcastNode, channelNode, dateNode, groupNode, link, personNode } from "./mrkdwn.js";

function styled(node, style = {}) {
  let result = node;
  if (style.code) result = h("code", {}, result);
  if (style.strike) result = h("s", {}, result);
  if (style.italic) result = h("em", {}, result);
  if (style.bold) result = h("strong", {}, result);
  return result;
}

function part(element, world) {
  switch (element.type) {
    case "text": return styled(element.text ?? "", element.style);
    case "link": return styled(link(element.url ?? "", element.text || element.url) ?? element.text ?? element.url, element.style);
    case "user": return personNode(element.user_id, world);
    case "channel": return channelNode(element.channel_id, world);
    case "usergroup": return groupNode(element.usergroup_id, world);
    case "broadcast": return broadcastNode(element.range);
    case "emoji": return emojiNode(element.name) ?? `:${element.name}:`;
    case "date": return dateNode(Number(element.timestamp), element.format ?? "{date}", element.url, element.fallback ?? "", world);
    case "color": return h("code", {}, element.value);
    default: return element.text ?? "";
  }
}

const parts = (element, world) => (element.elements ?? []).map((one) => part(one, world));

export function richText(block, world) {
  return (block.elements ?? []).map((element) => {
    switch (element.type) {
      case "rich_text_list": {
        const list = h(element.style === "ordered" ? "ol" : "ul", { class: `rich-list indent-${Math.min(element.indent ?? 0, 4)}`, start: element.offset ? element.offset + 1 : null });
        for (const item of element.elements ?? []) list.append(h("li", {}, parts(item, world)));
        return list;
      }
      case "rich_text_preformatted": return h("pre", {}, h("code", {}, (element.elements ?? []).map((one) => one.text ?? one.url ?? "")));
      case "rich_text_quote": return h("blockquote", {}, parts(element, world));
      default: return h("div", { class: "rich-section" }, parts(element, world));
    }
  });
}
