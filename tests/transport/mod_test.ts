/**
 * The modules of the layer load in any runtime, and those transports work that
 * need no socket of the operating system.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

Deno.test({
  name: "the layer loads and works without Deno and without permissions",
  permissions: { run: true, read: true },
  async fn() {
    const script = `
      const { log } = console;
      delete globalThis.Deno;
      const { connect, listen, checkTransport, memoryPair, webStreams } =
        await import("@lengthwise/lengthwise/transport");
      await checkTransport(() => memoryPair());
      await using listener = await listen({ memory: "anywhere" });
      const client = webStreams(await connect("memory:anywhere"));
      const server = webStreams(await listener.accept());
      server.readable.pipeTo(server.writable);
      new Blob(["anywhere"]).stream().pipeTo(client.writable);
      log(await new Response(client.readable).text());
      for (const address of [{ port: 1 }, { path: "/x" }]) {
        log(await listen(address).catch((error) => error.kind));
        log(await connect(address).catch((error) => error.kind));
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
      ...Array.from({ length: 4 }, () => "unsupported"),
    ]);
  },
});
