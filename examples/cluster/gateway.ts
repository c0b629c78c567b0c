#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A gateway of the chat. Its arguments are its own port and those of the servers;
 * it stops in order on SIGTERM, when its clients have found another way.
 *
 * @module
 */
import { forwardSessions } from "@lengthwise/lengthwise/forward";

const [port = 0, ...servers] = Deno.args.map(Number);

// Each member has a session with a server of its own, because servers call members.
const gateway = await forwardSessions({ port }, {
  upstreams: { chat: servers.map((port) => ({ port })) },
});
console.log("the gateway is up");

Deno.addSignalListener("SIGTERM", async () => {
  await gateway.shutdown();
  Deno.exit();
});
