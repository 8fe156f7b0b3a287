// The shortcodes that messages about incidents use; an unknown one is shown as it was written.

import { h } from "./dom.js";

const EMOJI = {
  "+1": "👍", thumbsup: "👍", "-1": "👎", thumbsdown: "👎", white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌",
  heavy_multiplication_x: "✖️", warning: "⚠️", rotating_light: "🚨", fire: "🔥", eyes: "👀", tada: "🎉", rocket: "🚀",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", alarm_clock: "⏰", clock1: "🕐", calendar: "📅",
  red_circle: "🔴", large_red_circle: "🔴", orange_circle: "🟠", large_orange_circle: "🟠", yellow_circle: "🟡",
  large_yellow_circle: "🟡", green_circle: "🟢", large_green_circle: "🟢", blue_circle: "🔵", large_blue_circle: "🔵",
  white_circle: "⚪", black_circle: "⚫", large_green_square: "🟩", large_red_square: "🟥", large_yellow_square: "🟨",
  bell: "🔔", no_bell: "🔕", mute: "🔇", loudspeaker: "📢", mega: "📣", memo: "📝", pencil: "📝", pencil2: "✏️",
  book: "📖", books: "📚", bookmark: "🔖", mag: "🔍", mag_right: "🔎", bar_chart: "📊", wrench: "🔧", hammer: "🔨",
  hammer_and_wrench: "🛠️", tools: "🛠️", gear: "⚙️", lock: "🔒", unlock: "🔓", key: "🔑", shield: "🛡️", robot_face: "🤖",
  chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉", point_right: "👉", point_up: "☝️", wave: "👋",
  raised_hands: "🙌", pray: "🙏", clap: "👏", ok_hand: "👌", muscle: "💪", thinking_face: "🤔", smile: "😄", slightly_smiling_face: "🙂",
  grinning: "😀", joy: "😂", sweat_smile: "😅", cry: "😢", sob: "😭", confused: "😕", disappointed: "😞", worried: "😟",
  scream: "😱", heart: "❤️", star: "⭐", sparkles: "✨", zap: "⚡", bulb: "💡", question: "❓", grey_question: "❔",
  exclamation: "❗", grey_exclamation: "❕", bangbang: "‼️", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑",
  stop_sign: "🛑", construction: "🚧", arrow_up: "⬆️", arrow_down: "⬇️", arrow_right: "➡️", arrow_left: "⬅️",
  arrow_up_small: "🔼", arrow_down_small: "🔽", arrows_counterclockwise: "🔄", repeat: "🔁", rewind: "⏪",
  leftwards_arrow_with_hook: "↩️", arrow_forward: "▶️", double_vertical_bar: "⏸️", black_square_for_stop: "⏹️",
  information_source: "ℹ️", link: "🔗", paperclip: "📎", page_facing_up: "📄", package: "📦", computer: "💻",
  desktop_computer: "🖥️", satellite: "📡", cloud: "☁️", database: "🗄️", file_cabinet: "🗄️", floppy_disk: "💾",
  electric_plug: "🔌", globe_with_meridians: "🌐", bug: "🐛", ambulance: "🚑", sos: "🆘", recycle: "♻️", test_tube: "🧪",
  crystal_ball: "🔮", dart: "🎯", trophy: "🏆", moneybag: "💰", coffee: "☕", sunrise: "🌅", crescent_moon: "🌙", zzz: "💤",
  speech_balloon: "💬", thought_balloon: "💭", bust_in_silhouette: "👤", busts_in_silhouette: "👥", wastebasket: "🗑️",
  one: "1️⃣", two: "2️⃣", three: "3️⃣", four: "4️⃣", five: "5️⃣", mortar_board: "🎓", seedling: "🌱", handshake: "🤝",
};

export const QUICK = ["+1", "white_check_mark", "eyes", "tada", "pray", "rocket", "heart", "-1"];

// Without a font for emoji (a bare server or container), dots are drawn, simple signs come from the text font, and the
// rest is shown as a word.
const SIGNS = {
  "+1": "\u25b2", thumbsup: "\u25b2", "-1": "\u25bc", thumbsdown: "\u25bc", white_check_mark: "\u2714", heavy_check_mark: "\u2714",
  x: "\u2716", warning: "\u26a0", heart: "\u2665", star: "\u2605", zap: "\u26a1", exclamation: "!", question: "?",
  arrow_right: "\u2192", arrow_left: "\u2190", arrow_up: "\u2191", arrow_down: "\u2193", leftwards_arrow_with_hook: "\u21a9",
  information_source: "\u2139", no_entry: "\u2296", no_entry_sign: "\u2298", hourglass: "\u231b", hourglass_flowing_sand: "\u231b",
};
const DOTS = { red: "#dd2e44", orange: "#f4900c", yellow: "#fdcb58", green: "#3fa55b", blue: "#3d86d8", white: "#e8e8ee", black: "#30303a" };
let drawable;

function hasFont() {
  if (drawable === undefined) {
    const paint = (text) => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 24;
      const brush = canvas.getContext("2d", { willReadFrequently: true });
      brush.font = "18px sans-serif";
      brush.fillText(text, 0, 18);
      return brush.getImageData(0, 0, 24, 24).data.join();
    };
    // What no font has is drawn as the same box as this private character.
    const colours = paint("\u{1f440}").split(",").some((value, index) => index % 4 !== 3 && value !== "0");
    drawable = colours || paint("\u{1f440}") !== paint("\u{1f680}");
  }
  return drawable;
}

export const known = (name) => name.split("::")[0] in EMOJI;

// The emoji with its name for those who do not see it; null when the name is unknown.
export function emojiNode(name) {
  const bare = name.split("::")[0];
  if (!known(bare)) return null;
  const words = bare.replace(/_/g, " ");
  const named = { role: "img", "aria-label": words, title: `:${bare}:` };
  if (hasFont()) return h("span", { class: "emoji", ...named }, EMOJI[bare]);
  const dot = /^(?:large_)?(red|orange|yellow|green|blue|white|black)_(circle|square)$/.exec(bare);
  if (dot) {
    const node = h("span", { class: `emoji-dot${dot[2] === "square" ? " emoji-square" : ""}`, ...named });
    node.style.background = DOTS[dot[1]];
    return node;
  }
  return bare in SIGNS ? h("span", { class: "emoji", ...named }, SIGNS[bare]) : h("span", { class: "emoji-word", ...named }, words);
}
