/**
 * A DNS server over TCP for one zone (RFC 7766).
 *
 * @module
 */
import { dnsTcp } from "@lengthwise/lengthwise/framing/presets";
import { frames } from "@lengthwise/lengthwise/framing";
import type { Connection } from "@lengthwise/lengthwise/transport";
import { answer } from "./answer.ts";
import type { Zone } from "./zone.ts";

/** Number of unread response bytes at which a client's queries wait. */
const UNREAD = 256 * 1024;

/** Options for {@linkcode serveZone}. */
export interface ServeOptions {
  /**
   * Milliseconds that may pass between two queries from a client.
   *
   * RFC 7766, 6.2.3, recommends such a limit. Within this time, the client must
   * also read the response.
   *
   * @default {10000}
   */
  idleTimeout?: number;
  /** Called when a client disconnects early or sends invalid frames. */
  onError?: (error: unknown) => void;
}

/**
 * Answers queries from all clients.
 *
 * @param listener source of connections; closing it disconnects all clients and
 * makes this call return
 */
export async function serveZone(
  listener: AsyncIterable<Connection>,
  zone: Zone,
  { idleTimeout = 10_000, onError = () => {} }: ServeOptions = {},
): Promise<void> {
  const closed = new AbortController();
  const clients = new Set<Promise<void>>();
  for await (const connection of listener) {
    const client = serveClient(connection, zone, {
      idleTimeout,
      signal: closed.signal,
    }).catch(onError).finally(() => clients.delete(client));
    clients.add(client);
  }
  closed.abort();
  await Promise.all(clients);
}

async function serveClient(
  connection: Connection,
  zone: Zone,
  { idleTimeout, signal }: { idleTimeout: number; signal: AbortSignal },
): Promise<void> {
  await using stream = frames(connection, dnsTcp(), {
    copy: "never",
    highWaterMark: UNREAD,
    frameTimeout: idleTimeout,
    linger: idleTimeout,
  });
  const close = () => stream.close();
  let timer = setTimeout(close, idleTimeout);
  signal.addEventListener("abort", close, { once: true });
  try {
    for await (const query of stream) {
      clearTimeout(timer);
      timer = setTimeout(close, idleTimeout);
      const response = answer(zone, query);
      if (response !== undefined) await stream.send(response);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", close);
  }
}
