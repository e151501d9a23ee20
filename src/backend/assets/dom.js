// The page's elements. Text goes in as text nodes only; there is no way here to insert markup.

export function byId(id) {
  return document.getElementById(id);
}

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Sets a text only when it changes, so that nothing is announced or laid out again for nothing.
export function put(node, text) {
  if (node !== null && node.textContent !== text) node.textContent = text;
}

export function mark(node, name, value) {
  if (node !== null && node.dataset[name] !== value) node.dataset[name] = value;
}

export function show(node, visible) {
  if (node !== null && node.hidden === visible) node.hidden = !visible;
}

export function fill(node, children) {
  node.replaceChildren(...children);
}

// Makes the children these, in this order. A child that stays where it is is not touched, so it keeps the focus.
export function arrange(node, children) {
  const wanted = new Set(children);
  for (const old of [...node.children]) if (!wanted.has(old)) old.remove();
  let cursor = node.firstElementChild;
  for (const child of children) {
    if (child === cursor) cursor = cursor.nextElementSibling;
    else node.insertBefore(child, cursor);
  }
}

// Copies a text; true when the clipboard took it.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

let hideAt = null;

export function toast(text, tone = "info") {
  const node = byId("toast");
  put(node, text);
  mark(node, "tone", tone);
  show(node, true);
  clearTimeout(hideAt);
  hideAt = setTimeout(() => show(node, false), 6000);
}

// Saves a file that the page holds.
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
