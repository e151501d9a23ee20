// The timeline: what of the buffer is on the page now. It draws at most four times a second and keeps at most 300 rows.

import { flatRows, groupedRows, groupsOf, isActive, matcher, noFilter, rank, readHash, typesOf, writeHash } from "./filter.js";
import { byId, copy, el, fill, mark, put, show, toast } from "./dom.js";
import { eventRow, gapRow, gapsRow, groupRow, moreRow, toggleData, unfold, updateGap, updateGaps, updateGroup } from "./rows.js";
import { onLanguage, t } from "./i18n.js";
import { count } from "./format.js";
import { merged } from "./state.js";

const DRAW_EVERY = 250;
const MAX_ROWS = 300;
// Rows that are drawn at once while events pour in and the newest is followed; the rest follows when it is quiet.
const FIRST_ROWS = 80;
const QUIET = 350;
const STEP = 150;
const SUMMARY_EVERY = 5000;
const SEARCH_AFTER = 150;
// Nearer than this to the top, the newest row is followed.
const TOP = 24;
// Pages of a hole that one press of its button fetches.
const GAP_PAGES = 5;
// Matching events of the past that are kept beside the buffer.
const FOUND = 500;
// Events that a paused page holds at most.
const FROZEN = 6000;
// A list that is open in somebody's hand stands still. A browser that cannot tell is believed to have it open while it has
// the focus.
const OPEN = CSS.supports("selector(:open)") ? ":open" : ":focus";

function nothingFound(state = "none") {
  return { events: [], state };
}

export class Timeline {
  // `load(gap)` fetches the newest events of a hole; `find(filter, keep)` asks the server for matching events of the past.
  constructor(buffer, load, find) {
    this.buffer = buffer;
    this.load = load;
    this.find = find;
    this.found = nothingFound();
    const { filter, flat } = readHash(location.hash);
    this.filter = filter;
    this.flat = flat;
    this.view = { closed: new Set(), whole: new Set() };
    this.frozen = null;
    this.seenAtTop = 0;
    this.start = 0;
    this.room = FIRST_ROWS;
    this.restTimer = null;
    this.rows = [];
    this.nodes = new Map();
    this.timer = null;
    this.lastDraw = 0;
    this.news = { n: 0, worst: "INFO" };
    this.scroller = byId("eventScroll");
    this.list = byId("eventRows");
  }

  begin() {
    this.bindInputs();
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.list.addEventListener("click", (click) => this.clicked(click));
    byId("latestBtn").addEventListener("click", () => this.toLatest());
    window.addEventListener("hashchange", () => this.readAddress());
    document.addEventListener("visibilitychange", () => document.hidden || this.drawSoon());
    setInterval(() => this.summarize(), SUMMARY_EVERY);
    onLanguage(() => {
      this.nodes.clear();
      this.drawSoon();
    });
    this.showInputs();
    this.search();
    this.drawSoon();
  }

  bindInputs() {
    let wait = null;
    // Nothing says for sure that the list was closed, but one of these comes with it.
    for (const kind of ["blur", "click", "keyup"]) byId("typeFilter").addEventListener(kind, () => this.drawSoon());
    byId("typeFilter").addEventListener("change", (event) => this.setFilter({ type: event.target.value }));
    byId("traceSearch").addEventListener("input", (event) => {
      clearTimeout(wait);
      wait = setTimeout(() => this.setFilter({ q: event.target.value.trim() }), SEARCH_AFTER);
    });
    byId("clearFilters").addEventListener("click", () => this.clear());
    byId("badgeClear").addEventListener("click", () => this.clear());
    byId("pauseBtn").addEventListener("click", () => this.togglePause());
    byId("groupBtn").addEventListener("click", () => this.toggleGroups());
  }

  // The ids of the events begin anew: a row that is on the page may be of another event with the same id.
  renew() {
    this.nodes.clear();
    this.search();
    this.drawSoon();
  }

  // Called for every event that is new to the buffer.
  noticed(event) {
    this.news.n += 1;
    if (rank(event.severity) > rank(this.news.worst)) this.news.worst = event.severity;
    this.drawSoon();
  }

  // What the page knows: the buffer, and what matches of the past.
  known() {
    return this.found.events.length === 0 ? this.buffer.list() : merged(this.buffer.list(), this.found.events);
  }

  shown() {
    if (this.frozen === null) return this.known();
    const { events, lastId } = this.frozen;
    const old = this.found.events.filter((event) => event.id <= lastId);
    return old.length === 0 ? events : merged(events, old);
  }

  gaps() {
    return this.frozen?.gaps ?? this.buffer.gaps;
  }

  // The page holds the newest events only; a filter asks the server once for the older ones that match.
  async search() {
    const found = nothingFound(isActive(this.filter) ? "asking" : "none");
    this.found = found;
    if (found.state === "none") return;
    const keep = (events) => {
      if (this.found !== found) return false;
      found.events = merged(found.events, events).slice(-FOUND);
      this.drawSoon();
      return true;
    };
    try {
      found.state = (await this.find(this.filter, keep)) ? "more" : "done";
    } catch {
      found.state = "failed";
    }
    if (this.found === found) this.draw();
  }

  // The server is back: a search that failed is made again.
  searchAgain() {
    if (this.found.state === "failed") this.search();
  }

  take(filter) {
    const is = (field) => this.filter[field].trim() === filter[field].trim();
    const same = is("type") && is("q");
    this.filter = filter;
    if (!same) this.search();
  }

  setFilter(change) {
    this.take({ ...this.filter, ...change });
    this.start = 0;
    this.scroller.scrollTop = 0;
    history.replaceState(null, "", location.pathname + location.search + writeHash(this.filter, this.flat));
    this.showInputs();
    this.draw();
  }

  clear() {
    this.setFilter(noFilter());
  }

  readAddress() {
    const { filter, flat } = readHash(location.hash);
    this.take(filter);
    this.flat = flat;
    this.showInputs();
    this.drawSoon();
  }

  showInputs() {
    const search = byId("traceSearch");
    if (search.value.trim() !== this.filter.q) search.value = this.filter.q;
    this.showTypes(this.shown());
    byId("groupBtn").setAttribute("aria-pressed", String(!this.flat));
  }

  toggleGroups() {
    this.flat = !this.flat;
    this.setFilter({});
  }

  togglePause() {
    const { added, gaps, lastId } = this.buffer;
    this.frozen = this.frozen === null ? { events: [...this.buffer.list()], gaps: [...gaps], added, lastId } : null;
    if (this.frozen === null) this.toLatest();
    this.draw();
  }

  toLatest() {
    this.start = 0;
    this.scroller.scrollTop = 0;
    this.draw();
  }

  clicked(click) {
    const button = click.target.closest("button[data-act]");
    if (button === null) return;
    const { act, value } = button.dataset;
    if (act === "trace") this.setFilter({ q: this.filter.q === value ? "" : value });
    if (act === "copy") this.copied(value);
    if (act === "fold") this.flip(this.view.closed, value);
    if (act === "whole") this.flip(this.view.whole, value);
    if (act === "gap") this.fetchGap(this.gaps().find((known) => known.key === value));
    if (act === "gaps") this.fetchGaps(this.rows.find((row) => row.kind === "gaps")?.gaps ?? []);
    if (act === "data") this.openData(button);
    if (act === "unfold") unfold(button);
  }

  async copied(value) {
    toast(t((await copy(value)) ? "copied" : "copy.failed", { text: value }));
  }

  flip(set, key) {
    if (!set.delete(key)) set.add(key);
    this.draw();
  }

  openData(button) {
    const row = button.closest("[data-id]");
    const event = this.shown().find((known) => String(known.id) === row.dataset.id);
    if (event !== undefined) toggleData(row, button, event);
  }

  async fetchGaps(gaps) {
    for (const gap of gaps) await this.fetchGap(gap);
  }

  async fetchGap(gap) {
    if (gap === undefined || gap.state === "loading") return;
    gap.state = "loading";
    this.draw();
    try {
      gap.state = await this.fillGap(gap);
    } catch {
      gap.state = "failed";
    }
    if (gap.state === "done") this.dropGap(gap);
    this.draw();
  }

  // Newest first, page by page: what came leaves the hole, what is still missing stays in it. Gives what the hole is then.
  async fillGap(gap) {
    for (let page = 0; page < GAP_PAGES; page += 1) {
      const { events, more, scanned } = await this.load(gap);
      const took = this.takeOld(gap, events);
      gap.missed = Math.max(0, gap.missed - took);
      const low = took < events.length ? events[took - 1]?.id : scanned;
      if (took === events.length && !more) return gap.missed > 0 ? "gone" : "done";
      if (low > gap.to || !Number.isSafeInteger(low)) return took < events.length ? "full" : "open";
      gap.to = low - 1;
      if (took < events.length) return "full";
      if (gap.to < gap.from) return gap.missed > 0 ? "gone" : "done";
      this.draw();
    }
    return "open";
  }

  // Puts events of a hole where they belong, also on a paused page; gives how many found room.
  takeOld(gap, events) {
    let fit = events.length;
    if (this.buffer.gaps.includes(gap)) fit = this.buffer.addOld(events);
    if (this.frozen === null || !this.frozen.gaps.includes(gap)) return fit;
    fit = Math.max(0, Math.min(fit, FROZEN - this.frozen.events.length));
    this.frozen.events = merged(this.frozen.events, events.slice(0, fit));
    return fit;
  }

  dropGap(gap) {
    this.buffer.dropGap(gap);
    if (this.frozen !== null) this.frozen.gaps = this.frozen.gaps.filter((known) => known !== gap);
  }

  drawSoon() {
    if (this.timer !== null || document.hidden) return;
    const wait = Math.max(0, this.lastDraw + DRAW_EVERY - Date.now());
    this.timer = setTimeout(() => this.draw(), wait);
  }

  draw() {
    clearTimeout(this.timer);
    this.timer = null;
    this.lastDraw = Date.now();
    const events = this.shown();
    const gaps = this.gaps();
    const matching = isActive(this.filter) ? events.filter(matcher(this.filter)) : events;
    if (this.flat) {
      this.rows = flatRows(matching, gaps);
    } else {
      const groups = groupsOf(events, this.filter);
      this.forget(groups);
      this.rows = groupedRows(groups, gaps, this.view);
    }
    this.room = FIRST_ROWS;
    this.place();
    this.restLater();
    this.showTypes(events);
    this.showState(events.length, matching.length);
  }

  // Draws the rest of the rows when nothing was drawn for a moment.
  restLater() {
    clearTimeout(this.restTimer);
    if (this.rows.length <= this.nodes.size || this.room === MAX_ROWS) return;
    this.restTimer = setTimeout(() => {
      this.room = MAX_ROWS;
      this.place();
    }, QUIET);
  }

  // Groups that left the buffer need no note of how they were shown.
  forget(groups) {
    if (this.view.closed.size + this.view.whole.size < 200) return;
    const alive = new Set(groups.map((group) => group.key));
    for (const set of [this.view.closed, this.view.whole]) for (const key of set) if (!alive.has(key)) set.delete(key);
  }

  // `moved`: the window was moved on purpose and is not put back to where its rows have gone.
  place(moved = false) {
    const follow = !moved && this.scroller.scrollTop <= TOP && this.start === 0;
    const anchor = follow ? null : this.anchor();
    if (anchor !== null && !moved) this.start = this.hold(anchor);
    this.start = Math.max(0, Math.min(this.start, this.rows.length - MAX_ROWS));
    if (!follow) this.room = MAX_ROWS;
    const window = this.rows.slice(this.start, this.start + this.room);
    const kept = new Map();
    let cursor = this.list.firstChild;
    for (const row of window) {
      const node = this.node(row);
      kept.set(row.key, node);
      if (node === cursor) cursor = cursor.nextSibling;
      else this.list.insertBefore(node, cursor);
    }
    while (cursor !== null) {
      const next = cursor.nextSibling;
      cursor.remove();
      cursor = next;
    }
    this.nodes = kept;
    if (follow) this.seenAtTop = this.buffer.added;
    else this.settle(anchor);
  }

  node(row) {
    const known = this.nodes.get(row.key);
    if (row.kind === "event") return known ?? eventRow(row);
    if (row.kind === "more") return moreRow(row);
    const [make, update] = { group: [groupRow, updateGroup], gap: [gapRow, updateGap], gaps: [gapsRow, updateGaps] }[row.kind];
    if (known === undefined) return make(row);
    update(known, row);
    return known;
  }

  // The first row that is in sight, and where it stands: it stays there while rows come in above it.
  anchor() {
    const top = this.scroller.getBoundingClientRect().top;
    for (const [key, node] of this.nodes) {
      const at = node.getBoundingClientRect();
      if (at.bottom > top && key.startsWith("e:")) return { key, offset: at.top - top };
    }
    return null;
  }

  // The start of the window at which the anchor stays inside it, after rows came in above.
  hold(anchor) {
    const was = [...this.nodes.keys()].indexOf(anchor.key);
    const is = this.rows.findIndex((row) => row.key === anchor.key);
    if (is < 0 || was < 0) return this.start;
    return this.start === 0 && is < MAX_ROWS - STEP ? 0 : is - was;
  }

  settle(anchor) {
    const node = anchor === null ? undefined : this.nodes.get(anchor.key);
    if (node === undefined) return;
    const moved = node.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - anchor.offset;
    if (Math.abs(moved) >= 1) this.scroller.scrollTop += moved;
  }

  // Near an end of the window it moves on; what was in sight stays in sight.
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const below = this.rows.length - this.start - MAX_ROWS;
    let start = this.start;
    if (this.room < MAX_ROWS && scrollTop > TOP) this.place();
    if (scrollHeight - scrollTop - clientHeight < 200 && below > 0) start += Math.min(STEP, below);
    else if (scrollTop < 200 && start > 0) start -= Math.min(STEP, start);
    if (start !== this.start) {
      this.start = start;
      this.place(true);
    }
    this.showLatest();
  }

  showTypes(events) {
    const select = byId("typeFilter");
    if (select.matches(OPEN)) return;
    const types = typesOf(events);
    if (this.filter.type !== "" && !types.some(({ type }) => type === this.filter.type)) types.push({ type: this.filter.type, count: 0 });
    const sum = types.map(({ type, count: n }) => `${type}\n${n}`).join("\n");
    if (select.dataset.sum !== sum) {
      const options = types.map(({ type, count: n }) => el("option", { value: type }, `${type} (${count(n)})`));
      fill(select, [select.options[0], ...options]);
      select.dataset.sum = sum;
    }
    select.value = this.filter.type;
  }

  showState(total, matched) {
    const hidden = total - matched;
    const active = isActive(this.filter);
    show(byId("filterBadge"), active);
    const search = { asking: "search.asking", failed: "search.failed", more: "search.more" }[this.found.state];
    put(byId("filterText"), t("filter.active", { n: count(hidden) }) + (search === undefined ? "" : ` · ${t(search)}`));
    byId("clearFilters").disabled = !active;
    const empty = byId("eventsEmpty");
    show(empty, this.rows.length === 0);
    put(empty, total === 0 ? t("events.empty") : t("events.none", { n: count(hidden) }));
    put(byId("eventCount"), active ? t("events.of", { n: count(matched), total: count(total) }) : t("events.count", { n: count(total) }));
    const paused = this.frozen !== null;
    const pause = byId("pauseBtn");
    const news = paused ? this.buffer.added - this.frozen.added : 0;
    pause.setAttribute("aria-pressed", String(paused));
    put(byId("pauseText"), paused ? t("resume") : t("pause"));
    put(byId("pauseNews"), paused ? t("pause.news", { n: count(news) }) : "");
    mark(byId("events"), "paused", String(paused));
    this.showLatest();
  }

  showLatest() {
    const away = this.scroller.scrollTop > TOP || this.start > 0;
    show(byId("latestBtn"), away);
    if (!away) this.seenAtTop = this.buffer.added;
    const news = this.buffer.added - this.seenAtTop;
    put(byId("latestNews"), news > 0 ? t("pause.news", { n: count(news) }) : "");
  }

  // What a screen reader is told: one sentence in five seconds, however much happened.
  summarize() {
    if (this.news.n === 0) return;
    put(byId("eventsSummary"), t("events.summary", { n: count(this.news.n), worst: this.news.worst }));
    this.news = { n: 0, worst: "INFO" };
    this.drawSoon();
  }
}
