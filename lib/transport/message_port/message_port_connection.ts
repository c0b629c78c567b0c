/**
 * A `MessagePort` or worker as a byte stream.
 *
 * | message | meaning |
 * | --- | --- |
 * | `ArrayBuffer`, not empty | bytes of the stream; message boundaries have no meaning |
 * | `ArrayBuffer`, empty | half-close: the sender sends no more bytes |
 * | number | the recipient of this message may send that many more bytes |
 * | `null` | the sender has closed both directions |
 *
 * A port delivers every message to the receiver's event loop, whether or not the
 * application reads it. Each end may therefore send 256 KiB at first, and more
 * as the other end reads.
 *
 * @module
 */
import type { SocketAddress } from "../connection.ts";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { ReceiveQueue } from "../receive_queue.ts";
import type { SocketConnection } from "../socket_connection.ts";
import {
  type LowerConnection,
  SocketConnectionImpl,
} from "../socket_connection_impl.ts";

/** Bytes that may be unread. */
const WINDOW = 256 * 1024;
/** Maximum number of bytes in one message. */
const MESSAGE_LIMIT = 64 * 1024;

const ADDRESS: SocketAddress = { transport: "message-port" };

/**
 * Adapts a `MessagePort` or worker: to a thread, a frame or another tab.
 *
 * Adapt both ends. Some runtimes do not report that the other end is gone; the
 * heartbeats of a session notice it.
 *
 * A `Worker` and the inside of a worker are ports, too: pass the worker at one
 * end and nothing at the other, before the first `await` of the worker's module.
 * When either end closes the connection, the worker closes itself. Workers of
 * `node:worker_threads` have no such port: pass them one of a `MessageChannel`
 * in `workerData`.
 *
 * @example Call a worker
 * ```ts ignore
 * // main.ts
 * const worker = new Worker(import.meta.resolve("./worker.ts"), { type: "module" });
 * await using session = await connect(Images, messagePortConnection(worker));
 *
 * // worker.ts
 * createServer(Images).handle(handlers).accept(messagePortConnection());
 * ```
 *
 * @example Send bytes through a channel
 * ```ts
 * import { messagePortConnection } from "@lengthwise/lengthwise/browser";
 * import { writeAll } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const { port1, port2 } = new MessageChannel();
 * using near = messagePortConnection(port1);
 * using far = messagePortConnection(port2); // usually in a worker
 * await writeAll(near, new TextEncoder().encode("hello"));
 * const buffer = new Uint8Array(16);
 * assertEquals(await far.read(buffer), 5);
 * ```
 *
 * @param port the port or worker; the connection owns it, so add no listeners for
 * messages and send nothing yourself. Without it, the port of the worker in which
 * this code runs
 * @throws {TypeError} if it is not a port, or this code does not run in a worker
 *
 * @category MessagePort
 */
export function messagePortConnection(
  port?: MessagePort | Worker,
): SocketConnection {
  return new SocketConnectionImpl(
    new MessagePortStream(checkPort(port ?? globalThis)),
  );
}

/** Members of ports, workers and the scope of a worker. */
interface Port {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  addEventListener(
    type: string,
    listener: (event: { readonly data?: unknown; message?: string }) => void,
  ): void;
  /** Ports alone have it. */
  start?(): void;
  /** Ends a port, or the worker in which this code runs. */
  close?(): void;
  ref?(): void;
  unref?(): void;
}

function checkPort(port: object): Port {
  if (isPort(port)) return port;
  throw new TypeError(
    Object.is(port, globalThis)
      ? "Cannot use the port of a worker: this code does not run in one; pass a MessagePort or Worker"
      : `Cannot use ${
        String(port)
      } as a port: expected a MessagePort or Worker`,
  );
}

function isPort(port: object): port is Port {
  if (!("postMessage" in port && "addEventListener" in port)) return false;
  if ("start" in port) return true; // a MessagePort
  if (Object.is(port, globalThis)) return runsInWorker();
  return typeof Worker === "function" && port instanceof Worker;
}

/** A window can post messages as well, but to other windows. */
function runsInWorker(): boolean {
  if ("WorkerGlobalScope" in globalThis) return true;
  const { Bun } = globalThis as { Bun?: { isMainThread: boolean } }; // of Bun
  return Bun?.isMainThread === false;
}

/** One end of a channel. */
class MessagePortStream implements LowerConnection {
  readonly localAddr: SocketAddress = ADDRESS;
  readonly remoteAddr: SocketAddress = ADDRESS;
  readonly #port: Port;
  readonly #received = new ReceiveQueue((count) => this.#grant(count));
  /** Bytes that may be sent now. */
  #credit = WINDOW;
  /** Bytes that were read since the last grant. */
  #taken = 0;
  #halfClosed = false;
  #failure: TransportError | undefined = undefined;
  /** Writes run one at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #wake: (() => void) | undefined = undefined;

  constructor(port: Port) {
    this.#port = port;
    port.addEventListener("message", ({ data }) => this.#receive(data));
    port.addEventListener(
      "messageerror",
      () => this.#reject("a message could not be deserialized"),
    );
    // Not all runtimes have this event.
    port.addEventListener(
      "close",
      () => this.#fail("reset", "the other end is gone"),
    );
    // Of a worker only. In the worker, the event says nothing about its end.
    if (!Object.is(port, globalThis)) {
      port.addEventListener(
        "error",
        ({ message }) => this.#fail("reset", `the worker failed: ${message}`),
      );
    }
    port.start?.();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#received.read(buffer);
  }

  async write(data: Uint8Array): Promise<number> {
    if (data.length === 0) return 0;
    return await this.#enqueue(async () => {
      while (this.#credit <= 0 && this.#failure === undefined) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#halfClosed) throw failed("closed", "it is closed for writing");
      const count = Math.min(data.length, MESSAGE_LIMIT, this.#credit);
      this.#credit -= count;
      // slice() of a Buffer would send the memory that it shares with others.
      this.#send(new Uint8Array(data.subarray(0, count)).buffer);
      return count;
    });
  }

  async closeWrite(): Promise<void> {
    await this.#enqueue(() => {
      if (this.#failure !== undefined) throw this.#failure;
      if (!this.#halfClosed) this.#send(new ArrayBuffer(0));
      this.#halfClosed = true;
    });
  }

  /** Messages that were sent arrive, even if the port is closed then. */
  linger(): undefined {}

  close(): void {
    if (this.#failure === undefined) this.#port.postMessage(null);
    this.#fail("closed", "it was closed locally");
    this.#received.clear();
    this.#port.close?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  ref(): void {
    this.#port.ref?.();
  }

  unref(): void {
    this.#port.unref?.();
  }

  #send(bytes: ArrayBuffer): void {
    this.#port.postMessage(bytes, [bytes]);
  }

  async #enqueue<T>(work: () => T): Promise<Awaited<T>> {
    const current = this.#turn.then(work);
    this.#turn = current.then(() => {}, () => {});
    return await current;
  }

  #receive(data: unknown): void {
    if (this.#failure !== undefined) return;
    if (data === null) {
      this.#received.end();
      this.#fail("reset", "the other end closed it");
      this.#port.close?.();
    } else if (Number.isSafeInteger(data)) {
      this.#credit += Math.max(0, Number(data));
      this.#wake?.();
    } else if (!(data instanceof ArrayBuffer)) {
      this.#reject("the other end sent something else than bytes");
    } else if (this.#received.ended) {
      this.#reject("the other end sent data after its half-close");
    } else if (data.byteLength === 0) this.#received.end();
    else if (this.#received.held + data.byteLength > WINDOW) {
      this.#reject(`more than ${WINDOW} bytes are unread`);
    } else this.#received.push(new Uint8Array(data));
  }

  /** Grants credit each time half of the window has been read. */
  #grant(count: number): void {
    this.#taken += count;
    if (this.#taken < WINDOW / 2 || this.#failure !== undefined) return;
    this.#port.postMessage(this.#taken);
    this.#taken = 0;
  }

  #reject(reason: string): void {
    this.#port.postMessage(null);
    this.#received.clear();
    this.#fail("protocol", reason);
    this.#port.close?.();
  }

  #fail(code: TransportErrorCode, reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = failed(code, reason);
    this.#received.fail(this.#failure);
    this.#wake?.();
  }
}

function failed(code: TransportErrorCode, reason: string): TransportError {
  return new TransportError(`Cannot use a message port: ${reason}`, {
    code,
    address: "message-port",
  });
}
