/**
 * A server that runs out of descriptors: it greets each client with one byte and
 * keeps the connection open until a byte arrives on standard input.
 *
 * Prints its port; then the number of open connections and of failures at the
 * descriptor limit; then the total number of served clients.
 *
 * @module
 */
import {
  listen,
  type SocketConnection,
  writeAll,
} from "@lengthwise/lengthwise/transport";

const expected = Number(Deno.args[0]);
const held: SocketConnection[] = [];
let served = 0;
let failures = 0;
let release = false;

// Deno opens descriptors for signals when it first needs them, at an unknown time,
// and panics if there are none. So it opens them now.
const ignore = () => {};
Deno.addSignalListener("SIGUSR2", ignore);
Deno.removeSignalListener("SIGUSR2", ignore);

await using listener = await listen({ port: 0 }, {
  onError: (error) => {
    if (error.code !== "limit") throw error;
    failures++;
    // At the limit for the first time: report it and wait for the input.
    if (failures === 1) {
      console.log(JSON.stringify({ held: held.length }));
      Deno.stdin.read(new Uint8Array(1)).then(() => {
        release = true;
        for (const connection of held.splice(0)) connection.close();
      });
    }
  },
});
console.log(JSON.stringify({ port: listener.addr.port }));

for await (const connection of listener) {
  await writeAll(connection, new Uint8Array([42]));
  served++;
  if (release) connection.close();
  else held.push(connection);
  if (served === expected) break;
}
console.log(JSON.stringify({ served, failures }));
