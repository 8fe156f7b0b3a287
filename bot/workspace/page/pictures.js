// Pictures: those that the app uploaded are shown, those from elsewhere are links, because nothing here leaves the machine.

import { fill, h, icon } from "./dom.js";

function address(image) {
  if (image.slack_file) {
    const id = image.slack_file.id ?? /\/files\/([A-Z0-9]+)\//.exec(image.slack_file.url ?? "")?.[1];
    return id ? `/files/${encodeURIComponent(id)}/picture` : null;
  }
  try {
    const url = new URL(image.image_url, location.href);
    return url.origin === location.origin ? url.href : null;
  } catch {
    return null;
  }
}

export function enlarge(url, alt) {
  const dialog = h("dialog", { class: "lightbox", "aria-label": alt });
  const close = () => { dialog.close(); dialog.remove(); };
  fill(dialog, h("button", { type: "button", class: "icon-button", "aria-label": "Close the picture", onclick: close }, icon("close")), h("img", { src: url, alt }));
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  document.body.append(dialog);
  dialog.showModal();
}

export function picture(image, kind = "block") {
  const url = address(image);
  const alt = image.alt_text ?? "";
  if (!url) {
    return h("a", { class: "outside-picture", href: image.image_url, target: "_blank", rel: "noopener noreferrer" }, icon("file", 16), ` ${alt || "Picture"} (opens outside)`);
  }
  const node = h("img", { src: url, alt, class: `picture picture-${kind}`, loading: "lazy" });
  if (kind !== "block") return node;
  return h("button", { type: "button", class: "picture-button", "aria-label": `Enlarge: ${alt}`, onclick: () => enlarge(url, alt) }, node);
}

const size = (bytes) => (bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / 1048576).toFixed(1)} MB`);

export function fileCard(file) {
  const url = `/files/${encodeURIComponent(file.id)}/${encodeURIComponent(file.name)}`;
  if (["image/png", "image/jpeg", "image/gif", "image/webp"].includes(file.mimetype)) {
    const alt = file.alt_txt || file.title;
    return h("figure", { class: "image-block" }, h("figcaption", {}, file.title),
      h("button", { type: "button", class: "picture-button", "aria-label": `Enlarge: ${alt}`, onclick: () => enlarge(url, alt) }, h("img", { src: url, alt, class: "picture picture-block" })));
  }
  return h("a", { class: "file-card", href: url, download: file.name }, icon("file", 28),
    h("span", {}, h("strong", {}, file.title), h("small", {}, `${file.filetype.toUpperCase()} · ${size(file.size)}`)));
}
