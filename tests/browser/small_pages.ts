/**
 * A server of pages with small clients, which can be stopped and started again.
 *
 * @module
 */
import { createServer, type Server } from "@lengthwise/lengthwise";
import { json } from "@lengthwise/lengthwise/json";
import { msgpack } from "@lengthwise/lengthwise/msgpack";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import { bundle } from "./bundle.ts";
import { SmallSite } from "./programs/small_site.ts";

const HTML = `<!DOCTYPE html><html lang="en"><title>Small pages</title>
<progress></progress><script type="module" src="/page.js"></script>`;
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'";

/** The scripts of the page and its worker. */
const scripts: Readonly<Record<string, string>> = {
  "/page.js": await bundle("tests/browser/programs/small_page.ts"),
  "/worker.js": await bundle("tests/browser/programs/small_worker.ts"),
};

/** Counters that outlive a restart. */
interface Counters {
  seen: number;
  uploaded: number;
}

/** Starts the sessions of pages. */
function start(counters: Counters): Server<typeof SmallSite> {
  return createServer(SmallSite, {
    codecs: [json(), msgpack()],
    onError() {}, // one call fails on purpose
  }).handle({
    upper: (text) => text.toUpperCase(),
    async *count(most) {
      for (let n = 0; n < most; n++) yield n;
    },
    async *double(numbers) {
      for await (const number of numbers) yield 2 * number;
    },
    async upload(parts) {
      let size = 0;
      for await (const { length } of parts) {
        size += length;
        counters.uploaded += length;
      }
      return size;
    },
    uploaded: () => counters.uploaded,
    async join(texts) {
      let joined = "";
      for await (const text of texts) joined += text;
      return joined;
    },
    seen: () => void counters.seen++,
    seenSoFar: () => counters.seen,
    askPage: (_, { remote }) => remote.title(),
    failAtPage: (_, { remote }) =>
      remote.fail().then(
        () => "nothing",
        ({ code }) => code,
      ),
    announce: (text, { session }) => session.server.broadcast.news(text),
    wait: (ms, { signal }) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve("waited"), ms);
        signal.addEventListener("abort", () => clearTimeout(timer));
      }),
  });
}

/** A server of pages on one port. */
export class SmallPages implements AsyncDisposable {
  /** Sessions of the pages. */
  sessions!: Server<typeof SmallSite>; // set by start()
  #http!: Deno.HttpServer<Deno.NetAddr>; // set by start()
  #port = 0;
  readonly #counters: Counters = { seen: 0, uploaded: 0 };
  readonly #tls: { cert: string; key: string } | undefined;

  /** @param tls certificate and key for `https:` */
  constructor(tls?: { cert: string; key: string }) {
    this.#tls = tls;
    this.start();
  }

  /** Returns the address of the page at a host. */
  url(host = "127.0.0.1"): string {
    const scheme = this.#tls === undefined ? "http" : "https";
    return `${scheme}://${host}:${this.#port}/`;
  }

  /** Starts the server, on the same port as before. */
  start(): void {
    this.sessions = start(this.#counters);
    const port = this.#port;
    const options = { hostname: "127.0.0.1", port, onListen() {} };
    const handle = (request: Request) => this.#handle(request);
    this.#http = this.#tls === undefined
      ? Deno.serve(options, handle)
      : Deno.serve({ ...options, ...this.#tls }, handle);
    this.#port = this.#http.addr.port;
  }

  /** Ends the server and its connections at once, as a crash does. */
  async stop(): Promise<void> {
    await this.sessions.abort();
    await this.#http.shutdown();
  }

  /** Waits until the number of sessions is as given. */
  async untilSessions(open: number): Promise<void> {
    for (let tries = 0; this.sessions.stats.sessions.open !== open; tries++) {
      if (tries === 500) throw new Error(`never ${open} sessions within 10 s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #handle(request: Request): Response {
    const { pathname } = new URL(request.url);
    if (pathname === "/small") {
      const { response, connection } = upgradeWebSocket(request, {
        origins: [new URL(request.url).origin],
      });
      this.sessions.accept(connection);
      return response;
    }
    const script = scripts[pathname];
    const type = script === undefined ? "text/html" : "text/javascript";
    return new Response(script ?? HTML, {
      headers: { "content-type": type, "content-security-policy": POLICY },
    });
  }

  /** Ends the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
