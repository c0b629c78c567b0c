#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Starts a WebSocket echo server and says hello to it.
 *
 * @module
 */
import { listen } from "@lengthwise/lengthwise/transport";
import { echo } from "./echo.ts";

await using listener = await listen({ port: 0 });
const serving = listener.accept().then(echo);

const socket = new WebSocket(`ws://127.0.0.1:${listener.addr.port}`);
const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
socket.onopen = () => socket.send("Hello, WebSocket");
socket.onmessage = ({ data }) => {
  console.log(data);
  socket.close(1000, "bye");
};
const { code, reason } = await closed;
console.log(`closed: ${code} ${reason}`);
await serving;
