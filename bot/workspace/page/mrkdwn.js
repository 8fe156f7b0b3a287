// Slack's mrkdwn, and the Markdown of markdown blocks, as DOM nodes. What is not understood stays text.

import { h } from "./dom.js";
import { emojiNode } from "./emoji.js";
import { full, tokens } from "./dates.js";

const decode = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

// `world` answers person(id), channel(id), group(id), open(channel id), profile(person id) and has `zone`.
export function mrkdwn(text, world) {
  const nodes = [];
  text.split(/(```[\s\S]+?```)/).forEach((part, index) => {
    if (index % 2) nodes.push(h("pre", {}, h("code", {}, decode(part.slice(3, -3).replace(/^\n|\n$/g, "")))));
    else if (part) nodes.push(...quoted(index ? part.replace(/^\n/, "") : part, world));
  });
  return nodes;
}

function quoted(text, world) {
  const nodes = [];
  let held = [];
  let quoting = false;
  const flush = () => {
    if (!held.length) return;
    const content = inline(held.join("\n"), world);
    nodes.push(...(quoting ? [h("blockquote", {}, content)] : content));
    held = [];
  };
  for (const line of text.split("\n")) {
    const mark = /^(?:&gt;|>)\s?/.exec(line);
    if (Boolean(mark) !== quoting) {
      flush();
      quoting = Boolean(mark);
    }
    held.push(mark ? line.slice(mark[0].length) : line);
  }
  flush();
  return nodes;
}

const STYLES = { "*": "strong", _: "em", "~": "s" };
const INLINE = /`([^`\n]+)`|<([^<>\n]+)>|:([a-z0-9_+'-]+(?:::skin-tone-\d)?):|([*_~])(?=\S)/g;

export function inline(text, world) {
  const nodes = [];
  let end = 0;
  const plain = (until) => {
    if (until > end) nodes.push(decode(text.slice(end, until)));
  };
  INLINE.lastIndex = 0;
  for (let match = INLINE.exec(text); match; match = INLINE.exec(text)) {
    const [whole, code, token, shortcode, style] = match;
    let node = null;
    let stop = match.index + whole.length;
    if (code !== undefined) node = h("code", {}, decode(code));
    else if (token !== undefined) node = reference(token, world);
    else if (shortcode !== undefined) node = emojiNode(shortcode);
    else {
      const close = closing(text, match.index, style);
      if (close > 0) {
        node = h(STYLES[style], {}, inline(text.slice(match.index + 1, close), world));
        stop = close + 1;
      }
    }
    if (node) {
      plain(match.index);
      nodes.push(node);
      end = stop;
    }
    INLINE.lastIndex = node ? stop : match.index + 1;
  }
  plain(text.length);
  return nodes;
}

// Where a style that begins at `start` ends: at words' edges only, as in 2*3*4 or snake_case nothing is meant.
function closing(text, start, mark) {
  if (start > 0 && /[\p{L}\p{N}*_~]/u.test(text[start - 1])) return -1;
  for (let at = text.indexOf(mark, start + 2); at > 0; at = text.indexOf(mark, at + 1)) {
    if (text.slice(start, at).includes("\n")) return -1;
    const next = text[at + 1] ?? " ";
    if (!/\s/.test(text[at - 1]) && !/[\p{L}\p{N}]/u.test(next)) return at;
  }
  return -1;
}

// plain_text knows emoji and nothing else: what looks like mrkdwn is shown as it is.
export function plainText(text) {
  return text.split(/(:[a-z0-9_+'-]+:)/).map((part, index) => (index % 2 ? emojiNode(part.slice(1, -1)) ?? part : decode(part)));
}

export function link(url, label) {
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return null;
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label || url.replace(/^mailto:/, ""));
}

export const personNode = (id, world) => {
  const person = world.person(id);
  return h("span", { class: `mention${id === world.me ? " mention-me" : ""}`, title: person?.title || "" }, `@${person?.real_name ?? id}`);
};

export const channelNode = (id, world, label = "") => {
  const channel = world.channel(id);
  if (!channel) return h("span", { class: "mention" }, `#${label || id}`);
  return h("button", { type: "button", class: "mention", onclick: () => world.open(id) }, `#${channel.name}`);
};

export const groupNode = (id, world) => h("span", { class: "mention" }, `@${world.group(id)?.handle ?? id}`);
export const broadcastNode = (range) => h("span", { class: "mention mention-me" }, `@${range}`);

export function dateNode(seconds, pattern, url, fallback, world) {
  const shown = Number.isFinite(seconds) ? tokens(seconds, pattern, world.zone) : fallback;
  const time = h("time", { title: Number.isFinite(seconds) ? full(seconds, world.zone) : "" }, shown);
  return url ? link(url, time) ?? time : time;
}

function reference(token, world) {
  const [target, ...rest] = token.split("|");
  const label = decode(rest.join("|"));
  if (/^@[A-Z0-9]+$/.test(target)) return personNode(target.slice(1), world);
  if (/^#[A-Z0-9]+$/.test(target)) return channelNode(target.slice(1), world, label);
  if (target.startsWith("!subteam^")) return groupNode(target.slice(9), world);
  if (target.startsWith("!date^")) {
    const [, seconds, pattern, url] = target.split("^");
    return dateNode(Number(seconds), decode(pattern ?? "{date}"), url && decode(url), label, world);
  }
  if (["!here", "!channel", "!everyone"].includes(target)) return broadcastNode(target.slice(1));
  return link(decode(target), label && inline(rest.join("|"), world));
}

// The part of Markdown that markdown blocks are used for.
export function markdown(text, world) {
  const nodes = [];
  let list = null;
  text.split(/(```[\s\S]*?```)/).forEach((part, index) => {
    if (index % 2) {
      list = null;
      nodes.push(h("pre", {}, h("code", {}, part.slice(3, -3).replace(/^\w*\n|\n$/g, ""))));
      return;
    }
    for (const line of part.split("\n")) {
      const item = /^\s*(?:[-*+]|\d+\.)\s+(.*)/.exec(line);
      const heading = /^#{1,6}\s+(.*)/.exec(line);
      const quote = /^>\s?(.*)/.exec(line);
      if (!item) list = null;
      if (item) {
        if (!list) nodes.push((list = h(/^\s*\d/.test(line) ? "ol" : "ul")));
        list.append(h("li", {}, emphasised(item[1], world)));
      } else if (heading) nodes.push(h("p", { class: "md-heading" }, emphasised(heading[1], world)));
      else if (quote) nodes.push(h("blockquote", {}, emphasised(quote[1], world)));
      else if (line.trim()) nodes.push(h("p", {}, emphasised(line, world)));
    }
  });
  return nodes;
}

function emphasised(text, world) {
  const pattern = /`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)|\*\*([^*]+)\*\*|__([^_]+)__|~~([^~]+)~~|(?<![\w*])[*_]([^*_\s][^*_]*)[*_](?!\w)|:([a-z0-9_+-]+):/g;
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const [whole, code, label, url, strong, strong2, strike, em, short] = match;
    const node = code !== undefined ? h("code", {}, code)
      : label !== undefined ? link(url, emphasised(label, world)) ?? whole
      : strong ?? strong2 ? h("strong", {}, emphasised(strong ?? strong2, world))
      : strike !== undefined ? h("s", {}, strike) : em !== undefined ? h("em", {}, em) : emojiNode(short) ?? whole;
    nodes.push(text.slice(end, match.index), node);
    end = match.index + whole.length;
  }
  return [...nodes, text.slice(end)];
}
