/**
 * The layer loads in any runtime, and the transports that need no socket of the
 * operating system work there. Only `webStreams` uses web streams.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

Deno.test({
  name: "transport loads and works without Deno and without permissions",
  permissions: { run: true, read: true },
  async fn() {
    const lib = new URL("../../lib/", import.meta.url);
    const script = `
      const { log } = console;
      delete globalThis.Deno;
      const { connect, listen, upgradeWebSocket, webStreams } =
        await import("@lengthwise/lengthwise/transport");
      const { checkTransport } =
        await import("${lib}testing/check_transport.ts");
      const { memoryPair } =
        await import("${lib}transport/memory/memory_pair.ts");
      await checkTransport(() => memoryPair());
      await using listener = await listen({ memory: "anywhere" });
      const client = webStreams(await connect("memory:anywhere"));
      const server = webStreams(await listener.accept());
      server.readable.pipeTo(server.writable);
      new Blob(["anywhere"]).stream().pipeTo(client.writable);
      log(await new Response(client.readable).text());
      for (const address of [{ port: 1 }, { path: "/x" }]) {
        log(await listen(address).catch((error) => error.code));
        log(await connect(address).catch((error) => error.code));
      }
      try {
        const headers = { upgrade: "websocket" };
        upgradeWebSocket(new Request("http://127.0.0.1/", { headers }));
      } catch (error) {
        log(error.code);
      }
    `;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--frozen",
        "--no-check",
        "--no-prompt",
        "--config",
        new URL("../../deno.json", import.meta.url).pathname,
        `data:text/javascript,${encodeURIComponent(script)}`,
      ],
    }).output();
    const decoder = new TextDecoder();
    assertEquals(decoder.decode(stderr), "");
    assertEquals(decoder.decode(stdout).trim().split("\n"), [
      "anywhere",
      ...Array.from({ length: 5 }, () => "unsupported"),
    ]);
  },
});

Deno.test("only the adapters of web streams use web streams", {
  permissions: { read: true },
}, () => {
  const layer = new URL("../../lib/transport/", import.meta.url).pathname;
  const sources = filesUnder(layer).filter((path) => path.endsWith(".ts"));
  const users = sources.filter((path) =>
    /\b(Readable|Writable|Transform)Stream\b|\.readable\b|\.writable\b/.test(
      Deno.readTextFileSync(path),
    )
  );
  assertEquals(users.toSorted(), [
    `${layer}stream_connection.ts`, // whose documentation has examples with them
    `${layer}web_streams.ts`,
  ]);
});

function filesUnder(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesUnder(`${folder}${name}/`) : [`${folder}${name}`]
  );
}
