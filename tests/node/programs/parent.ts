/**
 * Calls a child process that runs in Deno, then a thread of its own.
 *
 * Arguments: the path of Deno, and the child's program.
 */
import { useNodeSockets } from "@lengthwise/lengthwise/node";
import {
  messagePortConnection,
  streamConnection,
  TransportError,
} from "@lengthwise/lengthwise/transport";
import { spawn } from "node:child_process";
import process from "node:process";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { callTexts, createTexts } from "../texts_peer.ts";
import { expect } from "./expectations.ts";

useNodeSockets();
if (isMainThread) {
  const [deno = "", program = ""] = process.argv.slice(-2);
  const args = ["run", "--frozen", "--quiet", "--no-check", program];
  const child = spawn(deno, args, { stdio: ["pipe", "pipe", "inherit"] });
  const status = new Promise((resolve) => child.once("exit", resolve));
  await callTexts(streamConnection(child));
  expect("the child's status", await status, 0);
  console.log("ok child");

  const { port1, port2 } = new MessageChannel();
  const thread = new Worker(process.argv[1]!, {
    workerData: port2,
    transferList: [port2 as never], // Node.js has a type of its own
  });
  const ended = new Promise((resolve) => thread.once("exit", resolve));
  const connection = messagePortConnection(port1);
  await callTexts(connection);
  console.log("ok thread");
  const late = await connection.write(new Uint8Array(1)).catch((error) =>
    error instanceof TransportError ? error.code : `${error}`
  );
  expect("a write after the end", late, "closed");
  await ended; // it has no other work
  console.log("ok end of a thread");
} else {
  await createTexts().accept(messagePortConnection(workerData));
}
