import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect as connectSession } from "../../../lib/messages/client/connect.ts";
import { connect } from "../../../lib/transport/connect.ts";
import { listen } from "../../../lib/transport/listen.ts";
import { readPcapng } from "../../../lib/cli/capture/pcapng.ts";
import { connectTo, type Result, runCli, type Surroundings } from "../kit.ts";
import { Shop, shop } from "../shop.ts";

type Session = Awaited<ReturnType<typeof connectSession<typeof Shop>>>;

let taps = 0;

/** Runs calls through a tap; returns the result of the command. */
async function tapped(
  flags: string[],
  use: (session: Session) => Promise<void>,
  more: Surroundings = {},
): Promise<Result> {
  const { server } = shop({ authenticate: true });
  const memory = `tap-${taps++}`;
  const stop = new AbortController();
  const listening = Promise.withResolvers<void>();
  const result = runCli(
    ["tap", "--listen", "tcp://tap:1", "--to", "tcp://test:1", ...flags],
    {
      connect: connectTo(server),
      async listen() {
        const listener = await listen({ memory });
        listening.resolve();
        return listener;
      },
      interrupted: stop.signal,
      ...more,
    },
  );
  await listening.promise;
  const session = await connectSession(Shop, await connect({ memory }), {
    credentials: "secret",
    handlers: { news: () => {} },
  });
  await use(session);
  await session.close();
  await server.shutdown();
  stop.abort();
  return await result;
}

async function price({ remote }: Session): Promise<void> {
  await remote.price({ sku: "tea" });
}

Deno.test("tap shows the frames of both directions with their methods", async () => {
  const { code, stdout, stderr } = await tapped([], price, { isTTY: true });
  assertEquals(code, 130);
  assert(/#1 → REQUEST id \d+ price \d+ B\n/.test(stdout), stdout);
  assert(/#1 ← RESULT {2}id \d+ price \d+ B\n/.test(stdout), stdout);
  for (const line of stdout.trim().split("\n")) {
    assert(/^ *\d+\.\d{4} #1 /.test(line), line); // seconds since the first
  }
  assertStringIncludes(stdout, "client, protocol shop, lengthwise/");
  assertStringIncludes(stderr, "of 1 connection");
});

Deno.test("tap prints JSON in a pipe, and bodies on request", async () => {
  const { stdout } = await tapped(
    ["--bodies", "full", "--filter", "kind:request,result"],
    price,
  );
  const frames = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    frames.map(({ dir, kind, method }) => [dir, kind, method]),
    [["in", "REQUEST", "price"], ["out", "RESULT", "price"]],
  );
  assertEquals(frames.map(({ value }) => value), [
    { sku: "tea" },
    { cents: 300 },
  ]);
});

Deno.test("tap decodes bodies, and maps values that JSON lacks", async () => {
  const value = {
    big: 2n ** 60n,
    bytes: Uint8Array.of(1, 2, 3),
    at: new Date(0),
    none: undefined,
    $key: "\x1b[31m",
  };
  const mapped = {
    big: { $bigint: "1152921504606846976" },
    bytes: { $bytes: "AQID" },
    at: { $date: "1970-01-01T00:00:00.000Z" },
    none: { $undefined: true },
    $$key: "\x1b[31m",
  };
  const flags = ["--bodies", "full", "--filter", "method:echo"];
  const use = async ({ remote }: Session) => void await remote.echo(value);
  const pipe = await tapped(flags, use);
  const frames = pipe.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(frames.map(({ value }) => value), [mapped, mapped]);
  assertEquals(frames.map(({ body }) => body), [undefined, undefined]);
  const terminal = await tapped(flags, use, { isTTY: true, columns: 60 });
  const lines = terminal.stdout.split("\n");
  assert(
    lines.some((line) => /^ {10,}"\$bytes": "AQID"$/.test(line)),
    terminal.stdout,
  );
  assert(
    lines.some((line) => line.endsWith('  "$$key": "\\u001b[31m"')),
    terminal.stdout,
  );
});

Deno.test("tap shows bytes if they cannot be decoded, and with --bodies head", async () => {
  const flags = ["--bodies", "head", "--filter", "method:echo"];
  const { stdout } = await tapped(
    flags,
    async ({ remote }) => void await remote.echo("text"),
  );
  const frames = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(frames.map(({ value }) => value), [undefined, undefined]);
  for (const { body } of frames) assert(/^[0-9a-f]{8,}$/.test(body), body);
});

Deno.test("tap shows no secret, and no control character of a peer", async () => {
  const { stdout, files } = await tapped(
    ["--bodies", "full", "--write", "x.pcapng"],
    async ({ remote }) => {
      await remote.price({ sku: "\x1b]0;x\x07" }).catch(() => {});
    },
    { isTTY: true },
  );
  assert(!stdout.includes("\x1b"));
  for (const text of [stdout, new TextDecoder().decode(files["x.pcapng"])]) {
    assert(!text.includes("secret"));
  }
});

Deno.test("tap writes every frame; frames and filters read the file", async () => {
  const { files, stdout } = await tapped(
    ["--write", "x.pcapng", "--bodies", "full"],
    async ({ remote }) => {
      await remote.price({ sku: "tea" });
      for await (const _ of remote.room.upper(["a", "b"]));
    },
  );
  const file = files["x.pcapng"]!;
  const entries = [...readPcapng(file)];
  assertEquals(entries.length - 1, stdout.trim().split("\n").length);
  const again = await runCli(["frames", "x", "--bodies", "full"], {
    files: { x: file },
  });
  assertEquals([again.code, again.stdout], [0, stdout]);
  const some = await runCli(
    ["frames", "x", "--filter", "method:room.* kind:item dir:in"],
    { files: { x: file } },
  );
  assertEquals(some.stdout.trim().split("\n").length, 2);
});

Deno.test("the counts of a capture are those of the session", async () => {
  const seen: Record<string, Readonly<Record<string, number>>>[] = [];
  const { files } = await tapped(
    ["--write", "x.pcapng", "--bodies", "full"],
    async (session) => {
      const { remote } = session;
      await remote.price({ sku: "tea" });
      for await (const _ of remote.room.upper(["a", "b"]));
      await remote.sum([1, 2, 3]).result;
      const { framesSent, framesReceived } = session.stats;
      seen.push({ in: framesSent, out: framesReceived });
    },
  );
  const { stdout } = await runCli(["frames", "x"], {
    files: { x: files["x.pcapng"]! },
  });
  const counts: Record<string, Record<string, number>> = { in: {}, out: {} };
  for (const line of stdout.trim().split("\n")) {
    const { dir, kind } = JSON.parse(line);
    if (kind === "GOAWAY") continue; // after the figures were read
    counts[dir]![kind] = (counts[dir]![kind] ?? 0) + 1;
  }
  assertEquals([counts], seen);
});

Deno.test("tap --bodies none keeps sizes, but no bodies", async () => {
  const { files } = await tapped(
    ["--write", "x.pcapng"],
    async ({ remote }) => {
      await remote.echo("confidential ".repeat(100));
    },
  );
  const file = files["x.pcapng"]!;
  assert(!new TextDecoder().decode(file).includes("confidential"));
  const sizes = [...readPcapng(file)].flatMap((entry) =>
    "packet" in entry ? entry.packet.size : []
  );
  assert(Math.max(...sizes) > 1300);
});

Deno.test("a terminal that is stopped delays no frame, and loses lines", async () => {
  const resume = Promise.withResolvers<void>();
  let calls = 0;
  const { stdout, stderr } = await tapped(
    ["--max-view", "2k"],
    async ({ remote }) => {
      for (let i = 0; i < 200; i++) {
        await remote.price({ sku: "tea" });
        calls++;
      }
      resume.resolve();
    },
    { isTTY: true, onOutput: () => resume.promise },
  );
  assertEquals(calls, 200);
  assert(/… \d+ frames not shown\n/.test(stdout), stdout.slice(-200));
  assert(stdout.length < 10_000);
  assertStringIncludes(stderr, "not shown");
});

Deno.test("tap ends with 0 when the reader of its output leaves", async () => {
  const broken = Object.assign(new Error("broken"), { name: "BrokenPipe" });
  const { server } = shop();
  const memory = `tap-${taps++}`;
  const listening = Promise.withResolvers<void>();
  const result = runCli(
    ["tap", "--listen", "tcp://tap:1", "--to", "tcp://test:1"],
    {
      connect: connectTo(server),
      async listen() {
        const listener = await listen({ memory });
        listening.resolve();
        return listener;
      },
      onOutput: () => Promise.reject(broken),
    },
  );
  await listening.promise;
  const connecting = connectSession(Shop, await connect({ memory }), {
    handlers: { news: () => {} },
  });
  await connecting.then((session) => session.close(), () => {});
  assertEquals((await result).code, 0);
  await server.shutdown();
});

Deno.test("tap closes a client whose server is not reached", async () => {
  const stop = new AbortController();
  const memory = `tap-${taps++}`;
  const listening = Promise.withResolvers<void>();
  const result = runCli(
    ["tap", "--listen", "tcp://tap:1", "--to", "tcp://test:1"],
    {
      async listen() {
        const listener = await listen({ memory });
        listening.resolve();
        return listener;
      },
      interrupted: stop.signal,
    },
  );
  await listening.promise;
  using client = await connect({ memory });
  assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
  stop.abort();
  assertStringIncludes((await result).stderr, "#1 tcp://test:1, step TCP");
});

Deno.test("tap needs two addresses", async () => {
  assertEquals((await runCli(["tap", "--to", "tcp://test:1"])).code, 2);
  const { code } = await runCli([
    ...["tap", "--listen", "tcp://a:1", "--to", "tcp://b:1", "--filter", "x"],
  ]);
  assertEquals(code, 2);
});

Deno.test("tap says that TLS ends at the tap", async () => {
  const says = async (to: string) => {
    const { stderr } = await runCli([
      "tap",
      "--listen",
      "tcp://a:1",
      "--to",
      to,
    ], {
      listen: () => listen({ memory: `tap-${taps++}` }),
      interrupted: AbortSignal.abort(),
    });
    return stderr.includes("neither the clients' certificates nor their addre");
  };
  assertEquals(await says("tls://test:1"), true);
  assertEquals(await says("wss://test:1/"), true);
  assertEquals(await says("tcp://test:1"), false);
});

Deno.test("tap explains an address on which it cannot listen", async () => {
  const tap = (address: string, more: Surroundings = {}) =>
    runCli(["tap", "--listen", address, "--to", "tcp://test:1"], {
      listen: (url, { tls }) => listen(url, tls && { tls }),
      ...more,
    });
  using taken = await listen({ memory: "taken" });
  assertEquals(taken.addr.transport, "memory");
  const busy = await tap("memory:taken");
  assertEquals(busy.code, 2);
  assert(/^error: Cannot listen on memory:taken: [^\n]+\n$/.test(busy.stderr));
  const bare = await tap("tls://127.0.0.1:0");
  assertEquals(bare.code, 2);
  assertStringIncludes(bare.stderr, "hint: name the certificate of the tap");
  assertEquals((await tap("ws://127.0.0.1:0")).code, 2);
});

Deno.test("tap opens the page that it will write before it listens", async () => {
  const { code, stderr } = await runCli(
    ["tap", "--listen", "tcp://tap:1", "--to", "tcp://test:1", "--report", "x"],
    { refusesFiles: true },
  );
  assertEquals(code, 2);
  assertStringIncludes(stderr, 'Cannot write "x"');
});
