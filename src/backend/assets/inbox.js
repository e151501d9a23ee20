// What came over the stream and was not looked at yet. A burst is taken in slices, so that typing and clicking go on.

const SLICE_MS = 8;

export class Inbox {
  // `take` gets each event; `skipped` is told how many were too old to be kept by the time they were reached.
  constructor(limit, take, skipped) {
    this.limit = limit;
    this.take = take;
    this.skipped = skipped;
    this.texts = [];
    this.timer = null;
  }

  push(text) {
    this.texts.push(text);
    // Twice the limit before a cut, so that the list is not moved for each text.
    if (this.texts.length >= 2 * this.limit) this.cut();
    this.timer ??= setTimeout(() => this.work(), 0);
  }

  clear() {
    this.texts = [];
  }

  // Only the newest events are kept by the page; older ones are counted and not read, except those that must be seen.
  cut() {
    const old = this.texts.splice(0, this.texts.length - this.limit);
    this.skipped(old.length);
    for (const text of old) if (text.includes('"LEVEL_DOWNGRADED"')) this.read(text);
  }

  work() {
    this.timer = null;
    const until = performance.now() + SLICE_MS;
    let at = 0;
    while (at < this.texts.length && performance.now() < until) {
      this.read(this.texts[at]);
      at += 1;
    }
    this.texts.splice(0, at);
    if (this.texts.length > 0) this.timer = setTimeout(() => this.work(), 0);
  }

  read(text) {
    try {
      this.take(JSON.parse(text));
    } catch {
      // A frame that is no JSON is none of ours.
    }
  }
}
