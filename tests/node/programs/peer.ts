/**
 * Calls a server in another runtime, then serves until its input ends.
 *
 * Arguments: the port of the server. Prints the port of its own.
 */
import { useNodeSockets } from "@lengthwise/lengthwise/node";
import process from "node:process";
import { callTexts, serveTexts } from "../texts_peer.ts";

useNodeSockets();
const port = Number(process.argv.at(-1));
await callTexts({ transport: "tcp", hostname: "127.0.0.1", port });
const server = await serveTexts();
console.log(server.addr.port);
await new Promise((resolve) => process.stdin.resume().once("end", resolve));
await server.shutdown();
