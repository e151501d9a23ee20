// What a page owes to people who cannot see it well, cannot see it at all, or have no mouse. Gives a list of what is wrong;
// an empty list is a pass. Names of controls are not checked here: the browser computes them itself.
(() => {
  const wrong = [];
  const say = (rule, node, words) => {
    const id = node?.id ? `#${node.id}` : "";
    const at = node?.tagName ? `${node.tagName.toLowerCase()}${id}${node.className && typeof node.className === "string" ? `.${node.className.trim().replaceAll(/\s+/g, ".")}` : ""}` : "";
    wrong.push(`${rule}: ${at} ${words}`.trim());
  };
  const isSeen = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });

  // The document.
  if (!/^[a-z]{2}/.test(document.documentElement.lang)) say("lang", document.documentElement, "has no language");
  if (document.title.trim() === "") say("title", document.head, "has no title");
  const viewport = document.querySelector("meta[name=viewport]")?.content ?? "";
  if (!viewport.includes("width=device-width")) say("viewport", document.head, `does not follow the device: ${viewport}`);
  if (/user-scalable\s*=\s*(no|0)|maximum-scale\s*=\s*1\b/.test(viewport)) say("viewport", document.head, "forbids zoom");

  // Landmarks and headings.
  const mains = document.querySelectorAll("main, [role=main]");
  if (mains.length !== 1) say("landmark", document.body, `has ${mains.length} main parts`);
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(isSeen);
  const first = headings.filter((heading) => heading.tagName === "H1");
  if (first.length !== 1) say("headings", document.body, `has ${first.length} first headings`);
  let before = 0;
  for (const heading of headings) {
    const level = Number(heading.tagName[1]);
    if (level > before + 1) say("headings", heading, `"${heading.textContent.trim()}" jumps from ${before} to ${level}`);
    before = level;
  }
  const outside = [...document.body.querySelectorAll("h1, h2, h3, button, input, select")].filter(
    (node) => isSeen(node) && !node.closest("main, header, nav, footer, aside, dialog, [role=main], [role=banner], [role=navigation], [role=dialog], [role=status], [role=alert]"),
  );
  for (const node of outside) say("landmark", node, "lies outside of every landmark");

  // Names that refer to each other.
  const ids = new Map();
  for (const node of document.querySelectorAll("[id]")) ids.set(node.id, (ids.get(node.id) ?? 0) + 1);
  for (const [id, n] of ids) if (n > 1) say("ids", document.getElementById(id), `is there ${n} times`);
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
    for (const node of document.querySelectorAll(`[${name}]`)) {
      for (const id of node.getAttribute(name).split(/\s+/)) if (!ids.has(id)) say("reference", node, `${name} names ${id}, which is not there`);
    }
  }

  // Order of focus.
  for (const node of document.querySelectorAll("[tabindex]")) if (node.tabIndex > 0) say("tabindex", node, `is ${node.tabIndex}`);
  for (const node of document.querySelectorAll("[aria-hidden=true]")) {
    const inside = [...node.querySelectorAll("button, a[href], input, select, textarea, [tabindex='0']")].filter(isSeen);
    if (inside.length > 0) say("aria-hidden", node, "hides something that takes the focus");
  }

  // Pictures and tables.
  for (const node of document.querySelectorAll("img")) if (!node.hasAttribute("alt")) say("picture", node, "has no alternative");
  for (const node of document.querySelectorAll("svg")) {
    const named = node.getAttribute("aria-label") || node.getAttribute("aria-labelledby") || node.querySelector(":scope > title");
    if (!named && node.getAttribute("aria-hidden") !== "true") say("picture", node, "has neither a name nor aria-hidden");
  }
  for (const node of document.querySelectorAll("table")) {
    if (!node.caption && !node.getAttribute("aria-label") && !node.getAttribute("aria-labelledby")) say("table", node, "has no name");
    for (const head of node.querySelectorAll("th")) if (!head.scope) say("table", head, `"${head.textContent.trim()}" has no scope`);
  }

  // Contrast, from the colors as they are drawn.
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (color) => {
    if (!known.has(color)) {
      paint.clearRect(0, 0, 1, 1);
      paint.fillStyle = color;
      paint.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
      known.set(color, [r, g, b, a / 255]);
    }
    return known.get(color);
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      const color = rgba(style.backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    const base = getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18, 1] : [255, 255, 255, 1];
    return layers.reverse().reduce((below, layer) => over(layer, below), base);
  };
  const light = ([r, g, b]) => {
    const part = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const opacity = (node) => {
    let all = 1;
    for (let at = node; at; at = at.parentElement) all *= Number(getComputedStyle(at).opacity);
    return all;
  };
  const judge = (node, style, words) => {
    const below = ground(node);
    if (below === null) return;
    const [r, g, b, a] = rgba(style.color);
    const front = over([r, g, b, a * opacity(node)], below);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const got = ratio(front, below);
    if (got < (large ? 3 : 4.5) - 0.01) say("contrast", node, `"${words.trim().slice(0, 30)}" has ${got.toFixed(2)}: ${style.color} on rgb(${below.slice(0, 3).map(Math.round)})`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent;
    if (text.trim() === "" || !isSeen(node) || node.closest("svg, noscript, script, style")) continue;
    if (node.closest(":disabled, [aria-disabled=true]")) continue;
    const box = document.createRange();
    box.selectNodeContents(walker.currentNode);
    const { width, height } = box.getBoundingClientRect();
    if (width <= 1 || height <= 1) continue;
    texts += 1;
    judge(node, getComputedStyle(node), text);
  }
  for (const node of document.querySelectorAll("svg text")) {
    if (!isSeen(node)) continue;
    const style = getComputedStyle(node);
    const below = ground(node.ownerSVGElement);
    if (below !== null) {
      const got = ratio(over(rgba(style.fill), below), below);
      if (got < 4.49) say("contrast", node, `"${node.textContent.trim().slice(0, 30)}" has ${got.toFixed(2)}: ${style.fill}`);
    }
  }
  for (const node of document.querySelectorAll("input, textarea")) {
    if (isSeen(node) && node.placeholder && !node.disabled) judge(node, getComputedStyle(node, "::placeholder"), node.placeholder);
  }
  if (texts < 5) say("contrast", document.body, `only ${texts} texts were seen`);
  if (parseFloat(getComputedStyle(document.body).fontSize) < 14) say("size", document.body, "is smaller than 14 px");
  return [...new Set(wrong)];
})()
