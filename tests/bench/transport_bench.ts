#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Bulk transfers and round trips through a connection of this library, compared
 * with the same loop over bare `Deno.Conn`, and TLS compared with Deno's own. Both
 * ends are in one process, so the cost of the wrapper counts twice. Rounds
 * alternate, and the program prints the median of their ratios; 1 is as fast as
 * bare.
 *
 * @module
 */
import {
  connect,
  type Connection,
  listen,
} from "@lengthwise/lengthwise/transport";

import { authority, server } from "../transport/tls/certificates.ts";

type Pair = readonly [Connection, Connection];
type MakePair = () => Promise<Pair>;

interface Ratio {
  name: string;
  /** Speed of this library divided by the speed of the bare loop. */
  ratio: number;
  /** Units per second with this library. */
  rate: string;
}

async function bare(): Promise<Pair> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const pair = await Promise.all([
    listener.accept(),
    Deno.connect({ port: listener.addr.port }),
  ]);
  for (const conn of pair) conn.setNoDelay(true);
  return pair;
}

async function ours(): Promise<Pair> {
  await using listener = await listen({ port: 0 });
  return await Promise.all([listener.accept(), connect(listener.addr)]);
}

const caCerts = [authority.cert];

/** Deno's own TLS: only the client can turn off Nagle's algorithm. */
async function bareTls(): Promise<Pair> {
  const hostname = "127.0.0.1";
  using listener = Deno.listenTls({ hostname, port: 0, ...server });
  const dial = async () => {
    const { port } = listener.addr;
    const conn = await Deno.connect({ port });
    conn.setNoDelay(true);
    return await Deno.startTls(conn, { hostname, caCerts });
  };
  const pair = await Promise.all([listener.accept(), dial()]);
  await Promise.all(pair.map((conn) => conn.handshake()));
  return pair;
}

async function oursTls(): Promise<Pair> {
  await using listener = await listen({ port: 0, tls: server });
  return await Promise.all([
    listener.accept(),
    connect({ port: listener.addr.port ?? 0, tls: { caCerts } }),
  ]);
}

/** Sends `total` bytes one way; returns milliseconds. */
async function bulk(
  [from, to]: Pair,
  writeSize: number,
  total: number,
): Promise<number> {
  const data = new Uint8Array(writeSize);
  const buffer = new Uint8Array(64 * 1024);
  const start = performance.now();
  const sending = (async () => {
    for (let sent = 0; sent < total;) sent += await from.write(data);
    await from.closeWrite();
  })();
  while (await to.read(buffer) !== null);
  await sending;
  return performance.now() - start;
}

/** Makes round trips of one byte; returns milliseconds. */
async function pingPong(
  [client, server]: Pair,
  trips: number,
): Promise<number> {
  const byte = new Uint8Array(1);
  const echo = new Uint8Array(1);
  const start = performance.now();
  const serving = (async () => {
    while (await server.read(echo) !== null) await server.write(echo);
  })();
  for (let trip = 0; trip < trips; trip++) {
    await client.write(byte);
    await client.read(byte);
  }
  await client.closeWrite();
  await serving;
  return performance.now() - start;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function time(
  make: MakePair,
  measure: (pair: Pair) => Promise<number>,
): Promise<number> {
  const pair = await make();
  const ms = await measure(pair);
  for (const end of pair) end.close();
  return ms;
}

/** Returns the ratio of two consecutive runs, which share other load. */
async function compare(
  [bare, ours]: readonly [MakePair, MakePair],
  measure: (pair: Pair) => Promise<number>,
): Promise<{ ratio: number; ms: number }> {
  const ratios: number[] = [];
  const times: number[] = [];
  // The first round warms up; the subjects alternate in going first.
  for (let round = -1; round < ROUNDS; round++) {
    const first = await time(round % 2 === 0 ? bare : ours, measure);
    const second = await time(round % 2 === 0 ? ours : bare, measure);
    if (round < 0) continue;
    const [bareMs, oursMs] = round % 2 === 0
      ? [first, second]
      : [second, first];
    ratios.push(bareMs / oursMs);
    times.push(oursMs);
  }
  return { ratio: median(ratios), ms: median(times) };
}

const ROUNDS = 41;
const MEBIBYTE = 1024 * 1024;
const TRIPS = 2_000;

async function table(
  subjects: readonly [MakePair, MakePair],
  total: number,
): Promise<Ratio[]> {
  const results: Ratio[] = [];
  for (const writeSize of [64 * 1024, MEBIBYTE]) {
    const { ratio, ms } = await compare(
      subjects,
      (pair) => bulk(pair, writeSize, total),
    );
    const rate = `${(total / MEBIBYTE / (ms / 1000)).toFixed(0)} MiB/s`;
    results.push({ name: `bulk, ${writeSize / 1024} KiB writes`, ratio, rate });
  }
  const { ratio, ms } = await compare(
    subjects,
    (pair) => pingPong(pair, TRIPS),
  );
  const rate = `${(TRIPS / (ms / 1000)).toFixed(0)} trips/s`;
  results.push({ name: "ping-pong, 1 byte", ratio, rate });
  return results;
}

/** Measures and prints the results. */
export async function run(): Promise<void> {
  const tables = {
    "transport / bare Deno.Conn": await table([bare, ours], 128 * MEBIBYTE),
    "TLS / Deno's own": await table([bareTls, oursTls], 32 * MEBIBYTE),
  };
  for (const [title, results] of Object.entries(tables)) {
    console.log(`${title}, same run, medians of ${ROUNDS} rounds`);
    for (const { name, ratio, rate } of results) {
      console.log(`  ${name.padEnd(24)} ${ratio.toFixed(3)}   ${rate}`);
    }
  }
}

if (import.meta.main) await run();
