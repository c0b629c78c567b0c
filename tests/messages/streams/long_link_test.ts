import { assert } from "@std/assert";
import {
  connect,
  createServer,
  protocol,
  serverStream,
} from "../../../lib/messages/mod.ts";
import { memoryPair, virtualTime } from "../../../lib/testing/mod.ts";

const none = { permissions: "none" } as const;

const Files = protocol({
  name: "files",
  server: { read: serverStream<void, Uint8Array>() },
});

Deno.test(
  "one stream gets what a link of 100 ms carries",
  none,
  async () => {
    const part = new Uint8Array(64 * 1024);
    using time = virtualTime();
    const server = createServer(Files).handle({
      async *read() {
        for (;;) yield part;
      },
    });
    const [near, far] = memoryPair({ latency: 50, capacity: 2 ** 24 });
    server.accept(far);
    const session = await time.run(connect(Files, near));
    let received = 0;
    const stream = session.remote.read();
    const reading = (async () => {
      for await (const { length } of stream) received += length;
    })();
    await time.advance(8000);
    received = 0;
    await time.advance(1000);
    // A window of 256 KiB would let 2.5 MiB pass in ten round trips.
    assert(received > 20 * 2 ** 20, `${received} bytes in a second`);
    stream.cancel();
    await time.run(reading.catch(() => {}));
    await time.run(session.close());
    await time.run(server.shutdown());
  },
);
