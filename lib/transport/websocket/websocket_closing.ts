/**
 * The end of a WebSocket: its closing handshake, within limits.
 *
 * | step | ends | next step |
 * | --- | --- | --- |
 * | discarding input | at the peer's half-close, after 1 s or 256 KiB | closing handshake |
 * | closing handshake | after 1 s without progress, after 31 s at most | released |
 * | released | | |
 *
 * @module
 */
import { awaitPeer, LINGER_BYTES, LINGER_TIME } from "../../support/linger.ts";
import { releaseWebSocket } from "./release_websocket.ts";
import { CLOSE_NORMAL } from "./websocket_failure.ts";

/** Ends one WebSocket. */
export class WebSocketClosing {
  #socket: WebSocket;
  #released = Promise.withResolvers<void>();
  #stopWaiting: (() => void) | undefined;
  /** Number of bytes that may still be received and discarded. */
  #discardable = 0;

  /**
   * @param socket the socket to end
   */
  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Resolves when the socket is released. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Starts to discard input; the closing handshake follows. */
  discardInput(): void {
    this.#discardable = LINGER_BYTES;
    const timer = setTimeout(() => this.handshake(), LINGER_TIME);
    this.#stopWaiting = () => clearTimeout(timer);
  }

  /**
   * Counts input that arrives after the local end.
   *
   * @param data the content of a message
   */
  discard(data: unknown): void {
    if (this.#discardable === 0 || !(data instanceof ArrayBuffer)) return;
    const left = data.byteLength === 0
      ? 0 // the peer's half-close
      : this.#discardable - data.byteLength;
    this.#discardable = Math.max(0, left);
    if (this.#discardable === 0) this.handshake();
  }

  /** Starts the closing handshake, and limits its time. */
  handshake(code = CLOSE_NORMAL, reason = ""): void {
    this.#discardable = 0;
    this.#stopWaiting?.();
    this.#socket.close(code, reason);
    this.#stopWaiting = awaitPeer(
      () => -this.#socket.bufferedAmount,
      () => this.release(),
    );
  }

  /** Releases the socket without waiting for the peer. */
  release(): void {
    this.#socket.close(CLOSE_NORMAL);
    releaseWebSocket(this.#socket);
    this.finish();
  }

  /** Records that the socket has closed. */
  finish(): void {
    this.#stopWaiting?.();
    this.#released.resolve();
  }
}
