/**
 * A link: one connection that carries the frames of a session.
 *
 * A session that is resumed has one link after another. A link that has been
 * dropped has no receiver, so nothing that it still delivers has an effect.
 *
 * @module
 */
import {
  framesFor,
  type FrameStream,
} from "../../framing/stream/frame_stream.ts";
import {
  type ResolvedOptions,
  resolveOptions,
} from "../../framing/stream/pump_options.ts";
import type { Framing } from "../../framing/framing.ts";
import { u32Frames } from "../../framing/layouts/u32_frames.ts";
import { LINGER_TIME } from "../../support/linger.ts";
import type { Connection } from "../../transport/connection.ts";
import { MAX_HELLO } from "../session/wire/hello.ts";
import { HEADER } from "../session/wire/frame_header.ts";
import type { SessionLimits } from "../session/wire/limits.ts";

/** Receiver of the events of a link. */
export interface LinkReceiver {
  /** Called with each frame; its bytes are valid during this call only. */
  onFrame(frame: Uint8Array): void;
  /** Called after the frames of one turn. */
  onTurnEnd(): void;
  /** Called after the transport has accepted bytes. */
  onWritten(): void;
  /** Called when nothing more can be written. */
  onWriteFailed(error: unknown): void;
  /**
   * Called when nothing more can be read.
   *
   * @param error the reason; `undefined` if the peer ended its stream
   */
  onInputEnded(error: unknown): void;
  /** Called with errors of a custom implementation of `Connection`. */
  onLinkError(error: unknown): void;
}

/** One connection of a session. */
export class Link {
  /** The connection. */
  readonly connection: Connection;
  /** The frames that it carries. */
  readonly stream: FrameStream;
  /** The session; `undefined` after the link was dropped. */
  receiver: LinkReceiver | undefined;
  /** Resolves when nothing more is read. */
  ended: Promise<void> = Promise.resolve();
  #disposed = false;
  #linger: ReturnType<typeof setTimeout> | undefined = undefined;

  /**
   * @param connection the connection, which the link then owns
   * @param settings the same for all links with equal limits
   * @param receiver receives the events
   */
  constructor(
    connection: Connection,
    settings: LinkSettings,
    receiver: LinkReceiver,
  ) {
    this.connection = connection;
    this.receiver = receiver;
    const { framing, options } = settings;
    this.stream = framesFor(connection, framing, options, this);
  }

  /** Called after the transport has accepted bytes. */
  onWritten(): void {
    this.receiver?.onWritten();
  }

  /** Called when nothing more can be written. */
  onWriteFailed(error: unknown): void {
    this.receiver?.onWriteFailed(error);
  }

  /** Number of bytes that the transport has not taken yet; 0 after disposal. */
  get unsent(): number {
    return this.#disposed ? 0 : this.stream.unsent;
  }

  /**
   * Begins to read.
   *
   * @param onFrame called with each frame; its bytes are valid during this call
   * only
   * @param onTurnEnd called after the frames of one turn
   */
  read(onFrame: (frame: Uint8Array) => void, onTurnEnd: () => void): void {
    // Not `async`: a suspended function takes 0.5 KB of each idle session.
    this.ended = this.stream.receive(onFrame, onTurnEnd).then(
      () => this.#inputEnded(),
      (error) => this.receiver?.onInputEnded(error),
    );
  }

  #inputEnded(): void {
    try {
      this.receiver?.onInputEnded(undefined);
    } catch (error) {
      this.receiver?.onInputEnded(error);
    }
  }

  /**
   * Flushes GOAWAY and ends the outgoing stream. The peer then has `LINGER_TIME`
   * ms to end its own stream: closing at once could destroy bytes that it has not
   * read yet.
   */
  finish(): void {
    this.stream.closeWrite().catch(() => this.close());
    // The connection has lingered by then.
    this.#linger = setTimeout(() => this.close("abort"), LINGER_TIME);
  }

  /** Closes the connection. A custom implementation of `Connection` may throw. */
  close(how: "close" | "abort" = "close"): void {
    try {
      this.stream[how]();
    } catch (error) {
      this.receiver?.onLinkError(error);
    }
  }

  /** Closes the connection and releases its resources. */
  async dispose(): Promise<void> {
    try {
      await this.stream[Symbol.asyncDispose]();
    } catch (error) {
      this.receiver?.onLinkError(error);
    }
    clearTimeout(this.#linger);
    this.#disposed = true;
  }
}

/** Framing and options that many links share. */
export interface LinkSettings {
  /** The framing of PROTOCOL.md: a u32 length, the header and the body. */
  readonly framing: Framing;
  /** Options of the frame streams. */
  readonly options: ResolvedOptions;
}

/** Returns the settings of links for these limits. */
export function linkSettings(limits: SessionLimits): LinkSettings {
  return {
    framing: u32Frames(HEADER + Math.max(limits.maxFrameBody, MAX_HELLO)),
    options: resolveOptions({
      frameTimeout: limits.assemblyTimeout,
      minByteRate: limits.minReadRate,
      turnTime: limits.turnTime,
    }),
  };
}
