// A clock that the test moves on, with the timers that hang on it; a tab that the test hides and shows; and how many
// streams the page has opened.
{
  const real = Date.now.bind(Date), [start, stop] = [window.setTimeout.bind(window), window.clearTimeout.bind(window)];
  const waiting = new Map();
  let more = 0;
  Date.now = () => real() + more;
  window.setTimeout = (run, ms = 0, ...rest) => {
    const timer = start(() => { waiting.delete(timer); run(...rest); }, ms);
    waiting.set(timer, {due: Date.now() + ms, run: () => run(...rest)});
    return timer;
  };
  window.clearTimeout = timer => { waiting.delete(timer); stop(timer); };
  // What is due by then runs in its order, each at its time.
  window.later = ms => {
    const end = Date.now() + ms;
    for (;;) {
      const next = [...waiting].filter(([, {due}]) => due <= end).sort(([, a], [, b]) => a.due - b.due)[0];
      more += Math.max(0, (next?.[1].due ?? end) - Date.now());
      if (next === undefined) return;
      window.clearTimeout(next[0]);
      next[1].run();
    }
  };
  let shown = true;
  Object.defineProperties(document, {hidden: {get: () => !shown}, visibilityState: {get: () => shown ? 'visible' : 'hidden'}});
  window.turn = to => { shown = to === 'visible'; document.dispatchEvent(new Event('visibilitychange')); };
  window.opened = 0;
  window.EventSource = class extends EventSource { constructor(...given) { super(...given); window.opened += 1; } };
}
