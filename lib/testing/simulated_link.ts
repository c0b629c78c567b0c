/**
 * A connection of a simulated network, and its faults.
 *
 * @module
 */
import type { MemoryLink } from "../transport/memory/memory_pair.ts";
import type { MemoryFault } from "../transport/memory/memory_pipe.ts";
import type { LowerConnection } from "../transport/socket_connection_impl.ts";

/**
 * One direction of a {@linkcode SimulatedLink}.
 *
 * @category Testing
 */
export interface SimulatedDirection {
  /** Number of bytes that have been written. */
  readonly bytes: number;
  /**
   * The fault, which may be set at any time; `undefined` ends a stall.
   *
   * Its `after` counts from the first byte of the link. To cut the link after
   * the next ten bytes, set it to `{ kind: "reset", after: link.toServer.bytes +
   * 10 }`. A stall of one direction is a network that loses packets one way.
   */
  fault: MemoryFault | undefined;
}

/**
 * One connection between a client and a server of a simulated network.
 *
 * @category Network
 */
export interface SimulatedLink {
  /** Name of the server. */
  readonly name: string;
  /** The direction to the server. */
  readonly toServer: SimulatedDirection;
  /** The direction to the client. */
  readonly toClient: SimulatedDirection;
  /**
   * Breaks the link; bytes on their way are lost.
   *
   * Without an argument, reads and writes fail at both ends. With one, only this
   * end fails, and the other one is not notified: its reads wait for ever. So a
   * server looks at a client whose network is gone.
   *
   * @param end the end that fails
   */
  cut(end?: "client" | "server"): void;
}

/** The implementation of {@linkcode SimulatedLink}. */
export class SimulatedLinkImpl implements SimulatedLink {
  readonly name: string;
  readonly toServer: SimulatedDirection;
  readonly toClient: SimulatedDirection;
  /** The client's end and the server's end. */
  readonly ends: readonly [client: LowerConnection, server: LowerConnection];
  readonly #link: MemoryLink;
  readonly #onEnd: () => void;
  /** Number of ends that have neither failed nor been closed. */
  #open: Set<"client" | "server"> = new Set(["client", "server"]);
  /** Whether nothing arrives any more. */
  #severed = false;

  /**
   * @param name name of the server
   * @param link the connection
   * @param onEnd called when both ends have failed or been closed
   */
  constructor(name: string, link: MemoryLink, onEnd: () => void) {
    this.name = name;
    this.#link = link;
    this.#onEnd = onEnd;
    this.toServer = direction(link.up);
    this.toClient = direction(link.down);
    this.ends = [
      watched(link.client, () => this.#ended("client")),
      watched(link.server, () => this.#ended("server")),
    ];
  }

  /** Whether nothing arrives for now. */
  set silent(silent: boolean) {
    if (this.#severed) return;
    this.#link.up.stalled = silent;
    this.#link.down.stalled = silent;
  }

  cut(end?: "client" | "server"): void {
    const { up, down } = this.#link;
    if (end !== undefined) {
      this.silent = true;
      this.#severed = true;
    }
    if (end !== "server") {
      up.breakWriter();
      down.breakReader();
      this.#ended("client");
    }
    if (end !== "client") {
      down.breakWriter();
      up.breakReader();
      this.#ended("server");
    }
  }

  #ended(end: "client" | "server"): void {
    this.#open.delete(end);
    if (this.#open.size === 0) this.#onEnd();
  }
}

function direction(
  pipe: MemoryLink["up"],
): SimulatedDirection {
  return {
    get bytes() {
      return pipe.accepted;
    },
    get fault() {
      return pipe.fault;
    },
    set fault(fault) {
      pipe.fault = fault;
    },
  };
}

/** Returns a connection that reports that it was closed. */
function watched(end: LowerConnection, onClose: () => void): LowerConnection {
  const close = () => {
    end.close();
    onClose();
  };
  return { ...end, close, [Symbol.dispose]: close };
}
