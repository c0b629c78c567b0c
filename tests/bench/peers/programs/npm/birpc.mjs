/**
 * birpc with msgpackr over frames with a u32 length.
 *
 * birpc sends no bytes by itself; its README leaves the channel and the serializer
 * to the user. These are the ones of `bare`. It has no streams.
 *
 * @module
 */
import { createBirpc } from "birpc";
import { Packr } from "msgpackr";
import { connect, listen } from "./framed.mjs";
import { run } from "../load.mjs";
import { handle } from "../workload.mjs";

// Plain maps: records would be a saving of this codec, which `bare` has not.
const packr = new Packr({ useRecords: false });

function rpc(functions, connection) {
  return createBirpc(functions, {
    post: (bytes) => connection.send(bytes),
    on: (listener) => connection.onFrame = listener,
    serialize: (value) => packr.pack(value),
    deserialize: (bytes) => packr.unpack(bytes),
    timeout: -1, // no timer for each call, as with the other peers
  });
}

await run({
  server: () => listen((connection) => rpc({ order: handle }, connection)),
  async client(port) {
    const remote = rpc({}, await connect(port));
    return { call: (order) => remote.order(order) };
  },
});
