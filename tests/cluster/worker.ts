/**
 * A thread of `threads.ts`: a server whose bus is the name of the worker.
 *
 * @module
 */
import { broadcastChannelBus } from "@lengthwise/lengthwise/bus";
import { startChat } from "./chat.ts";

/** The parts of a worker's global scope that are used. */
interface Scope {
  name: string;
  onmessage: ((event: MessageEvent<[number, number] | "stop">) => void) | null;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as Scope; // the types are those of a window
const server = startChat({ bus: broadcastChannelBus(scope.name) });
const { port } = await server.listen({ hostname: "127.0.0.1", port: 0 });

scope.onmessage = async ({ data }) => {
  if (data === "stop") {
    const { missing, repeated } = server.bus!; // it has one
    await server.shutdown();
    scope.postMessage({ missing, repeated });
    return;
  }
  const [name, count] = data;
  for (let n = 0; n < count; n++) {
    server.topic("ü room").publish.said(`${name} ${n}`);
  }
};
scope.postMessage(port);
