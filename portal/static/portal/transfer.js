// One file on its way up, in parts. Each part has its own address, its own tries and its own progress.
//
// The server says which parts it has: after a pause, a lost line or a page loaded anew, only the rest is sent.

const AT_ONCE = 3;
const WAITS_MS = [500, 1500, 4000, 10000]; // before the second, third, ... try of a part

export class Refused extends Error {
  constructor(words, code) { super(words); this.code = code; }
}
class Expired extends Error {}

function remember(file) {
  return `viseme-upload:${file.name}:${file.size}:${file.lastModified}`;
}

export async function post(url, fields, token) {
  const response = await fetch(url, {
    method: "POST", body: new URLSearchParams(fields), credentials: "same-origin",
    headers: { "X-CSRFToken": token, Accept: "application/json" },
  });
  const answer = await response.json().catch(() => ({}));
  if (response.redirected || response.status === 401) throw new Refused("You were signed out. Sign in again; what was uploaded is kept.");
  if (!response.ok) throw new Refused(answer.detail ?? `The server answered ${response.status}.`, answer.code);
  return answer;
}

export class Transfer {
  /** @param changed called with this transfer whenever there is something new to show */
  constructor(file, kind, { start, token, changed }) {
    Object.assign(this, { file, kind, startUrl: start, token, changed });
    this.sent = new Map(); // part number -> bytes on their way or arrived
    this.requests = new Set();
    this.paused = false;
    this.words = "Waiting";
  }

  get percent() {
    let bytes = this.before ?? 0;
    for (const size of this.sent.values()) bytes += size;
    return Math.min(100, Math.floor((100 * bytes) / Math.max(1, this.file.size)));
  }

  tell(words) {
    this.words = words;
    this.changed(this);
  }

  /** Resolves to the upload's id when the server has the whole file. */
  async run() {
    const plan = await this.open();
    this.waiting = [...plan.parts]; // the missing ones
    this.before = this.file.size - plan.parts.reduce((sum, part) => sum + part.size_bytes, 0);
    if (!this.paused) this.tell("Uploading");
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.lane()));
    this.tell("Putting together");
    await post(plan.complete_url, {}, this.token);
    localStorage.removeItem(remember(this.file));
    this.done = true;
    this.tell("Sent");
    return plan.id;
  }

  async open() {
    const fields = { kind: this.kind, name: this.file.name, size_bytes: this.file.size };
    const before = this.id ?? localStorage.getItem(remember(this.file));
    const plan = await post(this.startUrl, before ? { ...fields, resume: before } : fields, this.token);
    localStorage.setItem(remember(this.file), plan.id);
    this.id = plan.id;
    this.partBytes = plan.part_bytes;
    return plan;
  }

  slice(part) {
    const from = (part.number - 1) * this.partBytes;
    return this.file.slice(from, from + part.size_bytes);
  }

  async lane() {
    for (let part = this.waiting.shift(); part; part = this.waiting.shift()) await this.deliver(part);
  }

  async deliver(part) {
    for (let attempt = 0; ; ) {
      await this.unpaused();
      try {
        return await this.put(part, this.slice(part));
      } catch (failure) {
        this.sent.set(part.number, 0);
        if (this.paused) continue;
        if (failure instanceof Refused || attempt >= WAITS_MS.length) throw failure;
        this.tell(`Part ${part.number} was lost, sending it again`);
        await new Promise((resolve) => setTimeout(resolve, WAITS_MS[attempt++]));
        if (failure instanceof Expired) part.url = await this.fresh(part);
        if (!this.paused) this.tell("Uploading");
      }
    }
  }

  /** Addresses last an hour; a slow line asks for new ones. */
  async fresh(part) {
    const plan = await this.open();
    return plan.parts.find((other) => other.number === part.number)?.url ?? part.url;
  }

  put(part, blob) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch can't tell how far an upload is
      this.requests.add(request);
      request.open("PUT", part.url);
      request.upload.onprogress = (event) => { this.sent.set(part.number, event.loaded); this.changed(this); };
      request.onload = () => {
        const fine = request.status >= 200 && request.status < 300;
        if (fine) this.sent.set(part.number, blob.size);
        if (request.status === 403) return reject(new Expired("The address of a part is no longer valid."));
        const final = request.status >= 400 && request.status < 500 && ![408, 429].includes(request.status);
        if (fine) resolve();
        else reject(final ? new Refused(`The storage refused part ${part.number} (${request.status}).`) : new Error("lost"));
      };
      request.onerror = request.onabort = () => reject(new Error("The line was lost. Try again; only what is missing is sent."));
      request.onloadend = () => this.requests.delete(request);
      request.send(blob);
    });
  }

  unpaused() {
    return this.paused ? new Promise((resolve) => { this.wake = [...(this.wake ?? []), resolve]; }) : undefined;
  }

  pause(words = "Paused") {
    if (this.done) return;
    this.paused = true;
    for (const request of this.requests) request.abort();
    this.tell(words);
  }

  resume() {
    if (this.done) return;
    this.paused = false;
    for (const wake of this.wake ?? []) wake();
    this.wake = [];
    this.tell("Uploading");
  }
}
