/**
 * The script of a page with clients of the entry `./browser`. A test calls its
 * steps, and compares what they return.
 *
 * @module
 */
import {
  CallError,
  type Client,
  createClient,
  messagePortConnection,
  serving,
} from "@lengthwise/lengthwise/browser";
import { json } from "@lengthwise/lengthwise/json";
import { msgpack } from "@lengthwise/lengthwise/msgpack";
import { Relay, SmallSite } from "./small_site.ts";

// Globals of browsers, which the types of Deno lack.
const page = globalThis as unknown as {
  document: EventTarget & {
    title: string;
    querySelector(name: "progress"): { value: number; max: number };
  };
  isSecureContext: boolean;
};
const MIB = 1024 * 1024;
const CODECS = { json: json(), msgpack: msgpack() };

const news: { text: string; at: number }[] = [];
const events: string[] = [];
let connectedAt = 0;

function start(
  codec: keyof typeof CODECS,
  minDelay = 100,
): Client<typeof SmallSite> {
  const url = new URL("/small", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return createClient(SmallSite, url, {
    codecs: [CODECS[codec]],
    plugins: { serving },
    reconnect: { minDelay, maxDelay: Math.max(1_000, minDelay) },
    handlers: {
      title: () => page.document.title,
      fail() {
        throw new Error("the handler of the page failed");
      },
      news: (text) => void news.push({ text, at: Date.now() }),
    },
    onError() {}, // one fails on purpose
  });
}

/** The client that outlives single steps. */
let kept: Client<typeof SmallSite> | undefined;
/** The client of the worker. */
let relayed: Client<typeof Relay> | undefined;

const steps = {
  /** Returns what distinguishes pages. */
  environment() {
    let evaluates = true;
    try {
      new Function("");
    } catch {
      evaluates = false;
    }
    return {
      evaluates,
      secure: page.isSecureContext,
      uuid: typeof crypto.randomUUID === "function",
    };
  },

  /** Makes calls of each shape, in both directions. */
  async calls(codec: keyof typeof CODECS) {
    const client = start(codec);
    const { remote } = client;
    const upper = await remote.upper("hello");
    let count = 0;
    for await (const item of remote.count(5_000)) count += item;
    const upload = remote.join();
    for (const text of ["a", "b", "c"]) await upload.send(text);
    await upload.end();
    const joined = await upload.result;
    const both = remote.double();
    const doubled = both[Symbol.asyncIterator]();
    await both.send(21);
    const double = (await doubled.next()).value;
    await both.end();
    const ended = (await doubled.next()).done;
    const before = await remote.seenSoFar();
    await remote.seen("this page");
    const seen = await remote.seenSoFar() - before;
    const title = await remote.askPage();
    const failure = await remote.failAtPage();
    news.length = 0;
    const pages = await remote.announce("spring");
    while (news.length === 0) await new Promise((done) => setTimeout(done, 5));
    const late = await remote.wait(60_000, { timeout: 50 })
      .catch((error) => error instanceof CallError ? error.code : `${error}`);
    await client.close();
    return {
      ...{ upper, count, joined, double, ended, seen, title, failure, pages },
      ...{ late, news: news.map(({ text }) => text) },
    };
  },

  /** Uploads so many MiB, and shows the progress. */
  async upload(size: number) {
    const begun = performance.now();
    const client = start("msgpack");
    const bar = page.document.querySelector("progress");
    const before = await client.remote.uploaded();
    const upload = client.remote.upload();
    const part = new Uint8Array(MIB).fill(7);
    let ahead = 0;
    for (let sent = 1; sent <= size; sent++) {
      await upload.send(part);
      bar.value = sent / size;
      if (sent % 10 !== 0) continue;
      const uploaded = await client.remote.uploaded() - before;
      ahead = Math.max(ahead, sent * MIB - uploaded);
    }
    await upload.end();
    const result = await upload.result;
    const took = performance.now() - begun;
    void client.close();
    return { result, bar: bar.value, ahead, took };
  },

  /** Starts a client that later steps use. */
  async keep(minDelay?: number) {
    kept = start("json", minDelay);
    const changes = kept.events();
    const reading = async () => {
      for await (const { kind } of changes) {
        if (kind === "connected") connectedAt = Date.now();
        events.push(kind);
      }
    };
    void reading();
    await steps.event("connected");
    events.length = 0;
  },

  /** Starts a worker that passes calls on, and makes some. */
  async worker() {
    const worker = new Worker("/worker.js", { type: "module" });
    relayed = createClient(Relay, {
      name: "worker",
      connect() {
        const { port1, port2 } = new MessageChannel();
        worker.postMessage(port2, [port2]);
        return Promise.resolve(messagePortConnection(port1));
      },
    }, { codecs: [CODECS.json] });
    const { remote } = relayed;
    const upper = await remote.upper("hello");
    let count = 0;
    for await (const item of remote.count(5_000)) count += item;
    return { upper, count, title: await remote.askWorker() };
  },

  /** Makes a call through the worker. */
  relayed: (text: string) => relayed!.remote.upper(text),

  /** Counts how often the page came back from the cache of the browser. */
  countReturns() {
    addEventListener("pageshow", (event) => {
      if (Reflect.get(event, "persisted") === true) returns++;
    });
  },

  /** Returns how often the page came back since `countReturns()`. */
  returns: () => returns,

  /** Makes a call with the client that was started. */
  upper: (text: string) => kept!.remote.upper(text),

  /** Makes a call that the server answers later. */
  wait: (ms: number) => kept!.remote.wait(ms),

  /** Connects another client and makes a call; returns how long it took, in ms. */
  async connect() {
    const begun = performance.now();
    const client = start("json");
    await client.remote.upper("new");
    const took = performance.now() - begun;
    void client.close();
    return took;
  },

  /** Waits for an event of the client that was started. */
  async event(kind: string) {
    for (let tries = 0; !events.includes(kind); tries++) {
      if (tries === 500) throw new Error(`no event ${kind}, but ${events}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  },

  /** Listens to an event; `untilConnected` measures from there. */
  listen(type: string) {
    const target: EventTarget = type === "online" ? globalThis : page.document;
    target.addEventListener(type, () => begunAt = Date.now(), { once: true });
    connectedAt = begunAt = 0;
  },

  /** Returns the milliseconds from the event to the next session. */
  async untilConnected() {
    for (let tries = 0; connectedAt === 0 || begunAt === 0; tries++) {
      if (tries === 500) throw new Error(`not connected, but ${events}`);
      await new Promise((done) => setTimeout(done, 20));
    }
    return connectedAt - begunAt;
  },

  /** Returns the events since the client was started, and the news. */
  history: () => ({ events, news }),

  /** Begins to measure by how many milliseconds timers are late. */
  measureTimers() {
    const tick = () => {
      latest = Math.max(latest, performance.now() - dueAt);
      dueAt = performance.now() + 100;
      setTimeout(tick, 100);
    };
    dueAt = performance.now() + 100;
    setTimeout(tick, 100);
  },

  /** Returns by how many milliseconds the latest timer was late, or is by now. */
  latest: () => Math.max(latest, performance.now() - dueAt),
};
let begunAt = 0;
let latest = 0;
let returns = 0;
/** Time at which the timer of `measureTimers()` is due. */
let dueAt = Infinity;

Object.assign(globalThis, { steps });
