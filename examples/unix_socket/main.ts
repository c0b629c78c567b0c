#!/usr/bin/env -S deno run --allow-net=unix:/tmp/lengthwise-example.sock --allow-read=/tmp/lengthwise-example.sock --allow-write=/tmp/lengthwise-example.sock --allow-run=deno
/**
 * Two local processes over a Unix socket, whose file mode controls access. This
 * is the server; it starts the client, and exits after the client does.
 *
 * @module
 */
import { serve } from "@lengthwise/lengthwise";
import { Clock, SOCKET } from "./clock.ts";

await using server = await serve(
  Clock,
  { path: SOCKET },
  { transport: { mode: 0o600 } },
).handle({
  uptime: () => Math.max(1, Math.round(performance.now())),
});
console.log(`server: listening at ${server.addr.path}`);

const file = `--allow-read=${SOCKET}`;
const client = new Deno.Command("deno", {
  args: [
    "run",
    "--quiet",
    `--allow-net=unix:${SOCKET}`,
    file,
    file.replace("read", "write"),
    new URL("./client.ts", import.meta.url).href,
  ],
}).spawn();
const { code } = await client.status;
console.log(`server: the client exited with status ${code}`);
if (code !== 0) throw new Error("The client failed");
