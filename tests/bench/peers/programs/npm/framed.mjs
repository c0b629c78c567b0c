/**
 * Frames with a u32 length over `node:net`, for peers that bring no transport of
 * their own.
 *
 * @module
 */
import net from "node:net";
import process from "node:process";

/** A connection that sends and receives frames. */
export class Framed {
  #socket;
  /** @type {Buffer[]} */
  #out = [];
  #rest = Buffer.alloc(0);

  /** Called with each frame. @type {(frame: Buffer) => void} */
  onFrame = () => {};

  /** @param {net.Socket} socket */
  constructor(socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => socket.destroy());
  }

  /** Writes a frame, together with others of this turn. @param {Buffer} frame */
  send(frame) {
    // Runs after all pending microtasks, so one write contains all replies to a read.
    if (this.#out.length === 0) process.nextTick(() => this.#flush());
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(frame.length);
    this.#out.push(length, frame);
  }

  #flush() {
    this.#socket.write(Buffer.concat(this.#out));
    this.#out = [];
  }

  /** @param {Buffer} chunk */
  #receive(chunk) {
    const bytes = this.#rest.length === 0
      ? chunk
      : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      this.onFrame(bytes.subarray(at + 4, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }
}

/**
 * Listens, and returns the port.
 *
 * @param {(connection: Framed) => void} onConnection
 * @returns {Promise<number>}
 */
export function listen(onConnection) {
  return listenOn(net.createServer(
    { noDelay: true }, // Nagle's algorithm delays the second of two small writes
    (socket) => onConnection(new Framed(socket)),
  ));
}

/**
 * Connects to a port.
 *
 * @param {number} port
 * @returns {Promise<Framed>}
 */
export async function connect(port) {
  return new Framed(await connectSocket(port));
}

/**
 * Lets a server listen on a free port, and returns the port.
 *
 * @param {net.Server} server or one of `node:http`
 * @returns {Promise<number>}
 */
export function listenOn(server) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server.address().port));
  });
}

/**
 * Connects a socket without delays to a port.
 *
 * @param {number} port
 * @returns {Promise<net.Socket>}
 */
export function connectSocket(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => resolve(socket));
  });
}
