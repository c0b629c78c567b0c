/**
 * The DevTools protocol, through which tests control a browser.
 *
 * @module
 */

/** Parameters of a command, or its result. */
type Values = Record<string, unknown>;

/** A message of the browser. */
interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly result?: Values;
  readonly error?: { readonly message: string };
}

/** A connection to a browser. */
export class DevTools {
  /** Resolves when the browser has closed the connection. */
  readonly ended: Promise<void>;
  readonly #socket: WebSocket;
  #last = 0;
  readonly #replies: Map<number, PromiseWithResolvers<Values>> = new Map();
  readonly #listeners: Map<string, () => void> = new Map();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    this.ended = new Promise((resolve) => {
      socket.onclose = () => {
        for (const { reject } of this.#replies.values()) {
          reject(new Error("Chromium has ended"));
        }
        resolve();
      };
    });
  }

  /** Connects to a browser. */
  static async connect(url: string): Promise<DevTools> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new DevTools(socket);
  }

  /**
   * Sends a command, and returns its result.
   *
   * @param sessionId the page that receives it; without one, the browser
   * @throws {Error} if the command fails, or the browser ends
   */
  send(
    method: string,
    params: object = {},
    sessionId?: string,
  ): Promise<Values> {
    const id = ++this.#last;
    const reply = Promise.withResolvers<Values>();
    this.#replies.set(id, reply);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return reply.promise;
  }

  /** Waits for the next event of a page. */
  once(method: string, sessionId: string): Promise<void> {
    return new Promise((resolve) =>
      this.#listeners.set(`${sessionId} ${method}`, resolve)
    );
  }

  #receive({ id, sessionId, method, result = {}, error }: Message): void {
    if (id === undefined) {
      const key = `${sessionId} ${method}`;
      this.#listeners.get(key)?.();
      this.#listeners.delete(key);
      return;
    }
    const reply = this.#replies.get(id);
    this.#replies.delete(id);
    if (error === undefined) reply?.resolve(result);
    else reply?.reject(new Error(error.message));
  }
}
