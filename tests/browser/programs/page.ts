/**
 * The script of a page: a client over WebSocket. It sends its outcome to `/done`.
 *
 * @module
 */
import { connect, createClient } from "@lengthwise/lengthwise";
import {
  connectWebSocket,
  webSocketConnection,
} from "@lengthwise/lengthwise/transport";
import { expect, failureOf } from "../../node/programs/expectations.ts";
import { Site } from "./site.ts";

// Globals of browsers, which the types of Deno lack.
const page = globalThis as unknown as {
  document: {
    title: string;
    createElement(name: "iframe"): { src: string; remove(): void };
    body: { append(element: unknown): void };
  };
  isSecureContext: boolean;
};
/** The address of a path on the page's server. */
const at = (path: string) => `ws://${location.host}${path}`;
const MIB = 1024 * 1024;

const news: string[] = [];
const handlers = {
  title: () => page.document.title,
  fail() {
    throw new Error("the handler of the page failed");
  },
  news: (text: string) => void news.push(text),
};
const options = { handlers, onError: () => {} };

async function until(what: string, isTrue: () => boolean | Promise<boolean>) {
  for (let tries = 0; tries < 500; tries++) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: it did not happen within 10 s`);
}

/** Calls of each shape, in both directions. */
async function callAll(path: string, flowControl?: boolean): Promise<void> {
  const connection = flowControl === undefined
    ? at(path)
    : await connectWebSocket(at(path), { flowControl });
  const session = await connect(Site, connection, options);
  const { remote } = session;
  expect("a unary call", await remote.upper("hello"), "HELLO");
  let sum = 0;
  for await (const item of remote.count(5000)) sum += item;
  expect("a server stream", sum, 12_497_500);
  const upload = remote.size();
  for (let part = 0; part < 20; part++) {
    await upload.send(new Uint8Array(MIB / 2));
  }
  await upload.end();
  expect("an upload", await upload.result, 10 * MIB);
  const both = remote.double();
  const replies = both[Symbol.asyncIterator]();
  await both.send(21);
  expect("a duplex", (await replies.next()).value, 42);
  await both.end();
  expect("its end", (await replies.next()).done, true);
  await remote.seen("this page");
  expect("a notification", await remote.seenSoFar() > 0, true);
  expect("a call to the page", await remote.askPage(), page.document.title);
  expect("a failing handler", await remote.failAtPage(), "internal");
  news.length = 0;
  expect("pages", await remote.announce("spring") > 0, true);
  await until("a broadcast", () => news.includes("spring"));
  await session.close();
}

/** Sockets that fail, before and after they are adapted. */
async function failAll(): Promise<void> {
  const denied = connect(Site, at("/denied"), options);
  expect("an upgrade with 401", await failureOf(denied), "unauthenticated");
  const busy = connect(Site, at("/busy"), options);
  expect("an upgrade with 503", await failureOf(busy), "unavailable");
  const opening = webSocketConnection(new WebSocket(at("/denied")));
  expect("a denied socket", await failureOf(opening.opened), "unavailable");
  opening.close();
  await opening.finished;
  const failed = new WebSocket(at("/denied"));
  await new Promise((resolve) => failed.onclose = resolve);
  const dead = connect(Site, webSocketConnection(failed), options);
  expect("a socket that has failed", await failureOf(dead), "disconnected");
  const socket = new WebSocket(at("/site"));
  await new Promise((resolve) => socket.onopen = resolve);
  socket.close();
  await new Promise((resolve) => socket.onclose = resolve);
  const closed = webSocketConnection(socket);
  expect("a closed socket", await failureOf(closed.opened), "reset");
  closed.close();
  await closed.finished;
}

/** A client that outlives its server. */
async function restart(): Promise<void> {
  const client = createClient(Site, at("/site"), {
    ...options,
    reconnect: { minDelay: 20, maxDelay: 200 },
  });
  expect("before", await client.remote.upper("before"), "BEFORE");
  await fetch("/restart", { method: "POST" });
  for (let n = 0; n < 50; n++) {
    expect("after", await client.remote.upper(`after ${n}`), `AFTER ${n}`);
  }
  await client.close();
}

/** A frame of the page that opens a session and is removed. */
async function leave(): Promise<void> {
  const sessions = async () => Number(await (await fetch("/sessions")).text());
  const frame = page.document.createElement("iframe");
  frame.src = "/?only=stay";
  page.document.body.append(frame);
  await until("a session of the frame", async () => await sessions() === 1);
  frame.remove();
  await until("the end of its session", async () => await sessions() === 0);
}

async function stay(): Promise<never> {
  const session = await connect(Site, at("/site"), options);
  await session.remote.upper("here");
  return await new Promise(() => {});
}

async function all(): Promise<string> {
  const isSecure = location.hostname === "127.0.0.1";
  expect("a secure context", page.isSecureContext, isSecure);
  expect("randomUUID", typeof crypto.randomUUID === "function", isSecure);
  await callAll("/site");
  await callAll("/plain", false);
  await failAll();
  await restart();
  await leave();
  return `ok ${location.hostname}`;
}

if (new URLSearchParams(location.search).get("only") === "stay") {
  await stay();
} else {
  const outcome = await all().catch((error) => `${error}\n${error.stack}`);
  await fetch("/done", { method: "POST", body: outcome });
}
