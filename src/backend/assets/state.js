// The newest events and the holes between them, bounded: a page that stays open for a day holds no more than one that
// was opened a minute ago.

export const BUFFER = 1000;
const GAPS = 50;
// Events of holes that somebody asked for, beyond the newest ones.
const ROOM = 4000;

// Two lists of events as one, ids ascending, each id once.
export function merged(one, other) {
  const byId = new Map();
  for (const event of [...one, ...other]) byId.set(event.id, event);
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

export class EventBuffer {
  constructor(limit = BUFFER) {
    this.limit = limit;
    this.clear();
  }

  clear() {
    this.items = [];
    this.gaps = [];
    this.added = 0;
    this.lastId = 0;
    this.floor = 0;
    this.room = 0;
    this.holes = 0;
  }

  // The newest events, ids ascending.
  list() {
    if (this.items.length > this.limit + this.room) this.trim();
    return this.items;
  }

  get length() {
    return Math.min(this.items.length, this.limit + this.room);
  }

  has(id) {
    return this.items[this.place(id)]?.id === id;
  }

  // Takes one event; false when it was seen before or is older than everything that is kept.
  add(event) {
    if (event === null || typeof event !== "object" || !Number.isSafeInteger(event.id) || event.id < 1) return false;
    if (event.id > this.lastId) {
      this.lastId = event.id;
      this.items.push(event);
    } else {
      const at = this.place(event.id);
      if (event.id <= this.floor || this.items[at]?.id === event.id) return false;
      this.items.splice(at, 0, event);
    }
    this.added += 1;
    // Twice the limit before a cut, so that a burst does not move the whole list for each event.
    if (this.items.length >= 2 * this.limit + this.room) this.trim();
    return true;
  }

  addAll(events) {
    let taken = 0;
    for (const event of [...events].sort((a, b) => a.id - b.id)) taken += this.add(event) ? 1 : 0;
    return taken;
  }

  // Takes events of a hole, newest first. The page makes room for them, up to a limit; gives how many found room.
  addOld(events) {
    this.list();
    const fit = events.slice(0, Math.max(0, ROOM - this.room));
    if (fit.length === 0) return 0;
    this.floor = Math.min(this.floor, fit[fit.length - 1].id - 1);
    this.room += fit.length;
    const { added } = this;
    this.addAll(fit);
    this.added = added;
    return fit.length;
  }

  // Notes a hole: the ids from `from` to `to`, of which `missed` are missing.
  addGap({ from, to, missed }) {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || to < from) return;
    if (this.gaps.some((gap) => gap.from === from && gap.to === to)) return;
    this.holes += 1;
    this.gaps.push({ key: String(this.holes), from, to, missed: Number.isSafeInteger(missed) ? missed : to - from + 1, state: "open" });
    if (this.gaps.length > GAPS) this.gaps.shift();
    this.lastId = Math.max(this.lastId, to);
  }

  dropGap(gap) {
    this.gaps = this.gaps.filter((known) => known !== gap);
  }

  trim() {
    const cut = this.items.length - this.limit - this.room;
    if (cut <= 0) return;
    this.floor = this.items[cut - 1].id;
    this.items = this.items.slice(cut);
    // A hole below everything that is kept has no place on the page any more.
    this.gaps = this.gaps.filter((gap) => gap.to > this.floor);
  }

  // Where an id stands or would stand.
  place(id) {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.items[middle].id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
