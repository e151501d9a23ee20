// In place of the browser's stream: one that the test feeds, and a clock that it moves on.
  { const real = Date.now.bind(Date); let more = 0; Date.now = () => real() + more; window.later = ms => { more += ms; }; }
  window.EventSource = class extends EventTarget {
    static CONNECTING = 0; static OPEN = 1; static CLOSED = 2;
    constructor(url) { super(); this.url = url; this.readyState = 1; window.fed = this; window.opened = (window.opened ?? 0) + 1; setTimeout(() => this.say('hello',
      {contract_version: 'v1', boot_id: 'x', server_ts: Date.now(), last_id: 0, oldest_id: 1, heartbeat_sec: 5,
       replay: {requested_after: null, replayed: 0, gap: false, missed: 0, reset: false}})); }
    say(kind, data) { this.tell(kind, JSON.stringify(data)); }
    tell(kind, data) { this.dispatchEvent(new MessageEvent(kind, {data})); }
    close() { this.readyState = 2; }
  };
  const KINDS = ['SignalGenerated', 'RiskEvaluated', 'OrderPlaced', 'OrderStatusChanged', 'FillReceived', 'PositionUpdated', 'PnlUpdated'];
  let nextId = 1;
  // `seconds` of the day at 50 events a second, as fast as the page takes them.
  window.live = seconds => {
    for (let second = 0; second < seconds; second += 1) {
      later(1000);
      const ts = Date.now(), iso = new Date(ts).toISOString();
      for (let n = 0; n < 50; n += 1) {
        const id = nextId++, kind = KINDS[id % 7];
        fed.tell('message', `{"contract_version":"v1","id":${id},"type":"${kind}","event_type":"${kind}","ts":${ts},"ts_iso":"${iso}",` +
          `"trace_id":"trace-${Math.floor(id / 7)}-abcdef","source":"trading","severity":"${id % 97 ? 'INFO' : 'WARN'}",` +
          `"message":"event ${id} of a long day","data":{"symbol":"005930","qty":${id % 100},"n":${id}}}`);
      }
      if (second % 5 === 0) fed.say('heartbeat', {ts: Date.now(), last_id: nextId - 1, queue_depth: 0, dropped: 0});
      if (second % 300 === 299) { fed.say('gap', {from_id: nextId, to_id: nextId + 9, missed: 10, reason: 'slow_consumer'}); nextId += 10; }
    }
    return new Promise(done => setTimeout(() => requestAnimationFrame(() => done(nextId)), 260));
  };
