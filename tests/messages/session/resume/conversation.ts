/**
 * A conversation of two ends, and a log of what each call, stream and kind of
 * notification delivers to its application.
 *
 * @module
 */
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import {
  ASK,
  call,
  DOWN,
  Incoming,
  notify,
  notifyEncoded,
  type Outgoing,
  readAll,
  sendAll,
  TALK,
  UP,
} from "../session_calls.ts";
import type { Side } from "../simulation.ts";
import type { ResumableSimulation } from "./resumable_simulation.ts";

/** Events by the call, or by the receiver of notifications. */
export type Log = Record<string, string[]>;

/** Milliseconds over which the conversation begins its calls. */
const TIME = 300;

/** Shape of each call, and the size of its input, result and items. */
const CALLS = [
  ...Array.from({ length: 24 }, (_, n) => [ASK, 40 + 17 * n] as const),
  [ASK, 20_000],
  ...[DOWN, UP, TALK, DOWN, UP, TALK].map((method) => [method, 300] as const),
  [DOWN, 6_000],
] as const;

const ITEMS = 12;

/**
 * Has a conversation, and returns its log.
 *
 * @param order receives all events in their order
 */
export function converse(
  simulation: ResumableSimulation,
  order: { push(event: string): void } = [],
): Log {
  const log: Log = {};
  const record = (key: string, event: string) => {
    (log[key] ??= []).push(event);
    order.push(`${key}: ${event}`);
  };
  simulation.open();
  for (const side of simulation.sides) {
    serve(simulation, side, record);
    CALLS.forEach(([method, size], n) => {
      const at = simulation.random(TIME);
      simulation.at(at, () => {
        if (n % 3 === 0) announce(simulation, side, n);
        begin(simulation, side, { method, size, n }, record);
      });
    });
  }
  simulation.settle();
  simulation.advance(2_000);
  simulation.settle();
  for (const side of simulation.sides) {
    record(`${side.name} ends`, side.ends.map(String).join());
    record(`${side.name} malformed`, `${side.session.stats.malformedCalls}`);
  }
  return log;
}

type Recorder = (key: string, event: string) => void;

/** Sends a notification to the peer, encoded once or for this session. */
function announce(
  simulation: ResumableSimulation,
  side: Side,
  n: number,
): void {
  if (n % 2 === 0) notifyEncoded(simulation, side, content(n, 0, 90));
  else notify(simulation, side, content(n, 0, 90));
  side.touch();
}

function begin(
  simulation: ResumableSimulation,
  side: Side,
  { method, size, n }: { method: number; size: number; n: number },
  record: Recorder,
): void {
  const key = `${side.name} ${n}`;
  const outgoing = call(simulation, side, {
    method,
    value: content(n, 0, size),
  });
  onSettled(outgoing, (event) => record(`${key} ends`, event)); // items may wait for their reader
  const { items } = outgoing;
  items.push = (...pushed) => {
    for (const item of pushed) record(key, `item ${digest(item)}`);
    return 0;
  };
  readAll(simulation, side, outgoing);
  if (method !== UP && method !== TALK) return;
  sendAll(simulation, side, outgoing, itemsOf(n, size), () => {
    side.session.enter(simulation.now).outgoing.endItems(outgoing.call);
    side.touch();
  });
}

function onSettled(outgoing: Outgoing, record: (event: string) => void): void {
  outgoing.onResult = (result) => record(`result ${digest(result)}`);
  outgoing.onFailed = ({ code, processed }) => record(`${code} ${processed}`);
}

function serve(
  simulation: ResumableSimulation,
  side: Side,
  record: Recorder,
): void {
  side.notified = (_, body) => record(`${side.name} notified`, digest(body));
  side.handle = (callIn, input) => {
    const incoming = new Incoming(callIn, input);
    const n = input[0]!; // content() put it there
    const size = incoming.input.length;
    const key = `${side.name} handles ${n}`;
    record(key, `input ${digest(incoming.input)}`);
    const { shape } = callIn.method.info;
    let read = 0;
    incoming.items.push = (...pushed) => {
      for (const item of pushed) record(key, `item ${digest(item)}`);
      read += pushed.length;
      if (shape === "clientStream" && read === ITEMS) respond();
      return read;
    };
    const respond = () => {
      side.session.enter(simulation.now).incoming.responses
        .respond(callIn, content(n, 1, size), NO_FIELDS);
      side.touch();
    };
    if (shape !== "unary") readAll(simulation, side, incoming);
    if (shape === "serverStream" || shape === "duplex") {
      sendAll(simulation, side, incoming, itemsOf(n, size), respond);
    } else if (shape === "unary") simulation.at(n % 7, respond);
  };
}

function itemsOf(n: number, size: number): Uint8Array[] {
  return Array.from(
    { length: ITEMS },
    (_, index) => content(n, 2 + index, size),
  );
}

/** Returns bytes that begin with the number of their call. */
function content(n: number, part: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(7 * n + part);
  bytes[0] = n;
  bytes[1] = part;
  return bytes;
}

function digest(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${bytes[1]} ${bytes.length} ${hash >>> 0}`;
}
