// Requests to this server: relative addresses, no cache, a time limit, one shape of fault.

const LIMIT = 5000;
// What was read longer ago than this does not count as current.
export const OLD = 10000;

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// Fetches within the time limit. A fault of the network is thrown as it is; an answer that says no is a `Refused`.
export async function ask(path, options = {}) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), options.limit ?? LIMIT);
  try {
    const reply = await fetch(path, { cache: "no-store", ...options, signal: stop.signal });
    if (!reply.ok) throw await refusal(reply);
    return await (options.read ?? ((answer) => answer.json()))(reply);
  } finally {
    clearTimeout(timer);
  }
}

async function refusal(reply) {
  let body = null;
  try {
    body = await reply.json();
  } catch {
    // An answer that is no JSON still has its status.
  }
  const told = body?.error?.message ?? (typeof body?.error === "string" ? body.error : null) ?? body?.detail?.error?.message;
  return new Refused(reply.status, body?.code ?? body?.error?.code ?? body?.detail?.error?.code ?? `HTTP_${reply.status}`, told ?? "");
}

// Calls `work` again and again, never twice at a time, `every` milliseconds after it ended. A page that nobody looks at
// asks nothing; it asks at once when it is looked at again. Gives a function that asks now.
export function poll(every, work) {
  let timer = null;
  let running = false;
  let again = false;
  const turn = async () => {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    again = false;
    try {
      if (!document.hidden) await work();
    } finally {
      running = false;
      timer = setTimeout(turn, again ? 0 : every);
    }
  };
  document.addEventListener("visibilitychange", () => document.hidden || turn());
  turn();
  return turn;
}

// What a service said last, and when. The value stays when a read fails or is long ago; then it is said to be old.
export class Reading {
  constructor(path) {
    this.path = path;
    this.value = null;
    this.at = null;
    this.failed = false;
  }

  async read() {
    try {
      this.value = await ask(this.path);
      this.at = Date.now();
      this.failed = false;
    } catch {
      this.failed = true;
    }
  }

  isOld() {
    return this.failed || (this.at !== null && Date.now() - this.at > OLD);
  }
}
