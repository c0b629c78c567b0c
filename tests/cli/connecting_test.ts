import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  TransportError,
  type TransportErrorCode,
} from "../../lib/transport/errors.ts";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import type { Io } from "../../lib/cli/io.ts";
import { runCli } from "./kit.ts";

const call = (url: string, connect: Io["connect"], ...flags: string[]) =>
  runCli(["call", url, "price", ...flags], { connect });

Deno.test("a failure to connect ends with 3 and names the step", async () => {
  const cases: readonly [
    url: string,
    code: TransportErrorCode,
    step: string,
  ][] = [
    ["tcp://nowhere.example:1", "not-found", "DNS"],
    ["tcp://test:1", "refused", "TCP"],
    ["tcp://test:1", "timeout", "TCP"],
    ["unix:/none", "not-found", "TCP"],
    ["tls://test:1", "tls", "TLS"],
    ["tls://test:1", "truncated", "TLS"],
    ["tls://test:1", "refused", "TCP"],
    ["wss://test/x", "unauthenticated", "WebSocket"],
  ];
  for (const [url, code, step] of cases) {
    const result = await call(url, () =>
      Promise.reject(
        new TransportError("it failed", { code, address: url }),
      ));
    assertEquals([result.code, result.stdout], [3, ""]);
    assertStringIncludes(result.stderr, `${url}, step ${step}: it failed`);
    assertStringIncludes(result.stderr, "\nhint: ");
  }
});

/** Returns a `connect` whose peer sends bytes and then ends its stream. */
function peerThatSends(bytes: Uint8Array, end = true): Io["connect"] {
  return () => {
    const [near, far] = memoryPair();
    (async () => {
      if (bytes.length > 0) await far.write(bytes);
      if (end) await far.closeWrite();
      const buffer = new Uint8Array(1000);
      while (await far.read(buffer).catch(() => null) !== null);
      far.close();
    })();
    return Promise.resolve(near);
  };
}

Deno.test("the first bytes of another protocol lead to a hint", async () => {
  const text = new TextEncoder();
  const cases: readonly [bytes: Uint8Array, hint: string][] = [
    // A TLS server answers plain text with an alert.
    [new Uint8Array([0x15, 3, 3, 0, 2, 2, 22]), "write the address as tls://"],
    [text.encode("HTTP/1.1 400 Bad Request\r\n\r\n"), "HTTP response"],
    [text.encode("SSH-2.0-OpenSSH_9\r\n"), "SSH banner"],
    [new Uint8Array(), "the server sent nothing; it may expect TLS"],
  ];
  const printed: unknown[] = [];
  const { error } = console;
  using _console = {
    [Symbol.dispose]: () => void (console.error = error),
  };
  console.error = (text) => void printed.push(text);
  for (const [bytes, hint] of cases) {
    const { code, stderr } = await call("tcp://test:1", peerThatSends(bytes));
    assertEquals(code, 3, stderr);
    assertStringIncludes(stderr, "step HELLO");
    assertStringIncludes(stderr, hint);
  }
  assertEquals(printed, [], "the session prints what the command explains");
});

Deno.test("--connect-timeout limits the handshake", async () => {
  const { code, stderr } = await call(
    "tcp://test:1",
    peerThatSends(new Uint8Array(), false),
    ...["--connect-timeout", "100ms"],
  );
  assertEquals(code, 3);
  assertStringIncludes(stderr, "the server sent nothing");
});

Deno.test("addresses and TLS flags that do not fit are usage errors", async () => {
  const never = () => Promise.reject(new Error("not reached"));
  const cases: readonly [args: string[], text: string][] = [
    [["localhost:7000"], "did you mean 'tcp://localhost:7000'"],
    [["http://localhost"], "the scheme must be one of"],
    [["tcp://test:1", "--server-name", "a"], "tls://"],
    [["tls://test:1", "--tls-cert", "a"], "belong together"],
    [["tls://test:1", "--tls-ca", "none"], 'Cannot read "none"'],
    [["tcp://test:1", "--codec", "xml"], "expected one of any"],
    [["tcp://test:1", "--connect-timeout", "5"], "expected a duration"],
  ];
  for (const [[url = "", ...flags], text] of cases) {
    const { code, stderr } = await call(url, never, ...flags);
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, text);
  }
});

Deno.test("TLS flags reach the transport", async () => {
  const seen: unknown[] = [];
  const { code } = await runCli(
    ["ls", "tls://test:1", "--tls-ca", "ca", "--server-name", "a.example"],
    {
      files: { ca: "PEM" },
      connect: (_, { tls }) => {
        seen.push(tls);
        return Promise.reject(
          new TransportError("no", { code: "refused", address: "" }),
        );
      },
    },
  );
  assertEquals(code, 3);
  assertEquals(seen, [{ serverName: "a.example", caCerts: ["PEM"] }]);
});
