/**
 * Upgrades that a server refuses, as clients see them, in every runtime.
 *
 * @module
 */
import {
  connect,
  connectWebSocket,
  TransportError,
  type TransportErrorCode,
  upgradeWebSocket,
} from "@lengthwise/lengthwise/transport";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connectFailureCode } from "../../../lib/transport/websocket/websocket_failure.ts";

type Answer = (request: Request, attempt: number) => Response;

/** A server that counts the upgrades that it is asked for. */
class Http implements AsyncDisposable {
  upgrades = 0;
  readonly url: string;
  #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(answer: Answer) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        if (request.headers.has("upgrade")) this.upgrades++;
        return answer(request, this.upgrades);
      },
    );
    this.url = `ws://127.0.0.1:${this.#server.addr.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function refuse(status: number, headers: HeadersInit = {}): Answer {
  return () => new Response("no", { status, headers });
}

async function failureOf(
  url: string,
  options?: Parameters<typeof connectWebSocket>[1],
): Promise<TransportError> {
  return await assertRejects(
    () => connectWebSocket(url, options),
    TransportError,
  );
}

const CODES: Record<number, TransportErrorCode> = {
  200: "protocol",
  301: "protocol",
  401: "unauthenticated",
  403: "forbidden",
  404: "protocol",
  429: "unavailable",
  500: "protocol",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

for (const [status, code] of Object.entries(CODES)) {
  Deno.test(`connectWebSocket() fails with '${code}' when the upgrade is refused with ${status}`, async () => {
    await using http = new Http(refuse(Number(status)));
    const error = await failureOf(http.url);
    assertEquals(
      [error.code, error.status, error.retryAfter, error.address],
      [code, Number(status), 0, http.url],
    );
  });
}

Deno.test("connectWebSocket() reports the server's retry-after", async () => {
  const soon = new Date(Date.now() + 60_000).toUTCString();
  for (
    const [value, least, most] of [
      ["3", 3_000, 3_000],
      [soon, 50_000, 60_000],
      ["Thu, 01 Jan 1970 00:00:00 GMT", 0, 0],
      ["-1", 0, 0],
      ["nonsense", 0, 0],
    ] as const
  ) {
    await using http = new Http(refuse(503, { "retry-after": value }));
    const { retryAfter } = await failureOf(http.url);
    assert(
      retryAfter >= least && retryAfter <= most,
      `${value}: ${retryAfter}`,
    );
  }
});

Deno.test("connectWebSocket() sends its headers when it asks for retry-after", async () => {
  const seen: (string | null)[] = [];
  await using http = new Http(({ headers }) => {
    seen.push(headers.get("authorization"));
    return new Response("no", { status: 503 });
  });
  await failureOf(http.url, { headers: { authorization: "me" } });
  assertEquals(seen, ["me", "me"]);
});

Deno.test("connectWebSocket() keeps its signal and timeout while it asks for retry-after", async () => {
  const { promise: never, resolve } = Promise.withResolvers<Response>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ headers }) => {
      if (headers.has("upgrade")) return new Response("no", { status: 503 });
      ask();
      return never;
    },
  );
  const url = `ws://127.0.0.1:${http.addr.port}/`;
  assertEquals((await failureOf(url, { timeout: 100 })).code, "timeout");
  const abort = new AbortController();
  const connecting = connectWebSocket(url, { signal: abort.signal });
  await asked;
  abort.abort(new Error("enough"));
  await assertRejects(() => connecting, Error, "enough");
  resolve(new Response());
});

Deno.test("connect() repeats an attempt that is refused with 503", async () => {
  await using http = new Http((request, attempt) => {
    if (attempt <= 2) return new Response("busy", { status: 503 });
    const { response, connection } = upgradeWebSocket(request);
    void connection.opened.then(() => connection.close(), () => {});
    return response;
  });
  await using connection = await connect(http.url, {
    retry: { minTimeout: 1, maxAttempts: 5 },
  });
  assertEquals(await connection.read(new Uint8Array(8)), null);
  assertEquals(http.upgrades, 3);
});

Deno.test("connect() waits for retry-after, but at most maxTimeout", async () => {
  const waits: number[] = [];
  const real = globalThis.setTimeout;
  // The timers fire immediately, so that the test does not wait.
  globalThis.setTimeout = Object.assign((run: () => void, wait = 0) => {
    waits.push(wait);
    return real(run, wait < 1_000 || wait === 10_000 ? wait : 0);
  }, real);
  try {
    for (const [after, expected] of [[2, 2_000], [3_600, 5_000]] as const) {
      waits.length = 0;
      await using http = new Http(
        refuse(503, { "retry-after": String(after) }),
      );
      await assertRejects(() =>
        connect(http.url, {
          retry: { minTimeout: 1, maxTimeout: 5_000, maxAttempts: 3 },
        })
      );
      assertEquals(waits.filter((wait) => wait === expected).length, 2);
      assertEquals(http.upgrades, 3);
    }
  } finally {
    globalThis.setTimeout = real;
  }
});

Deno.test("connect() does not repeat an attempt that is refused with 401 or 403", async () => {
  for (const status of [401, 403]) {
    await using http = new Http(refuse(status));
    await assertRejects(() => connect(http.url, { retry: { minTimeout: 1 } }));
    assertEquals(http.upgrades, 1);
  }
});

Deno.test("connectFailureCode() has the same codes in every runtime", () => {
  const codes: Record<string, TransportErrorCode> = {
    // Deno
    "NetworkError: failed to connect to WebSocket: Invalid status code: 503":
      "unavailable",
    "NetworkError: failed to connect to WebSocket: tcp connect error: Connection refused (os error 111)":
      "refused",
    // Node.js
    "Received network error or non-101 status code.": "unavailable",
    "Received network error or non-101 status code. (connect ECONNREFUSED 127.0.0.1:1)":
      "unavailable",
    "Server did not respond with sent protocols.": "protocol",
    // Bun, with the system's code
    "WebSocket connection to 'ws://a/' failed: Failed to connect (ECONNREFUSED)":
      "refused",
    "WebSocket connection to 'ws://a/' failed: Failed to connect (ENOTFOUND)":
      "not-found",
    "WebSocket connection to 'ws://a/' failed: Expected 101 status code: 503":
      "unavailable",
    "WebSocket connection to 'ws://a/' failed: Connection ended (ECONNRESET)":
      "reset",
    "WebSocket connection to 'ws://a/' failed: Invalid response (HPE_INVALID_CONSTANT)":
      "protocol",
    // the package `ws`
    "Unexpected server response: 401": "unauthenticated",
    "connect ECONNREFUSED 127.0.0.1:1": "refused",
    "getaddrinfo ENOTFOUND nowhere": "not-found",
    "read ECONNRESET": "reset",
    // browsers
    "": "unavailable",
  };
  for (const [detail, code] of Object.entries(codes)) {
    assertEquals(connectFailureCode(detail), code, detail);
  }
});

Deno.test("connectWebSocket() sees a failure at the end of the turn, as in Node.js", async () => {
  const real = globalThis.WebSocket;
  // Node.js 22 rejects some ports at once, and reports no `close`.
  globalThis.WebSocket = class extends EventTarget {
    readonly CLOSED = 3;
    readonly readyState = 0;
    constructor(readonly url: string) {
      super();
      queueMicrotask(() => {
        const message = "Server did not respond with sent protocols.";
        this.dispatchEvent(new ErrorEvent("error", { message }));
      });
    }
    close(): void {}
  } as unknown as typeof WebSocket; // the members that a connection uses
  try {
    const error = await failureOf("ws://127.0.0.1:1/", { timeout: 1_000 });
    assertEquals(error.code, "protocol");
    assert(error.message.includes("'flowControl: false'"), error.message);
  } finally {
    globalThis.WebSocket = real;
  }
});

Deno.test("connectWebSocket() stays 'unavailable' if the server would upgrade by now", async () => {
  await using http = new Http((request) =>
    request.headers.has("upgrade")
      ? new Response("no", { status: 503 })
      : upgradeWebSocket(request).response
  );
  const error = await failureOf(http.url);
  assertEquals([error.code, error.status], ["unavailable", 503]);
});
