/**
 * The program of the attacked client. The bystander is a session of the same
 * process with another server.
 *
 * @module
 */
import {
  connect,
  type ConnectOptions,
} from "../../lib/messages/client/connect.ts";
import {
  type Client,
  createClient,
} from "../../lib/messages/client/create_client.ts";
import type { ClientSession } from "../../lib/messages/client/client_session.ts";
import type { ClientUse, VictimOptions, VictimReport } from "./attack.ts";
import { Bystander, BYSTANDER_LIMITS } from "./bystander.ts";
import { CODECS } from "./codecs.ts";
import { runCommands } from "./control.ts";
import { HandlerCount } from "./handler_count.ts";
import { MemorySampler, retained } from "./memory.ts";
import { pause } from "./raw_peer.ts";
import { sizedHandlers, Target } from "./target.ts";

type Session = ClientSession<typeof Target>;

const memory = new MemorySampler();
const handlers = new HandlerCount();
let bystander: Bystander | undefined;
let quiet: Session | undefined;
let attacked: Attacked | AttackedClient | undefined;

/** Makes the calls of a kind of use until the session ends. */
const USES: Readonly<Record<ClientUse, (session: Session) => Promise<void>>> = {
  async none({ finished }) {
    await finished;
  },
  async calls(session) {
    await Promise.all(Array.from({ length: 64 }, async () => {
      while (!session.draining.aborted) {
        await ignore(session.remote.echo(null));
        await pause(0);
      }
    }));
  },
  async floods(session) {
    while (!session.draining.aborted) {
      for (let at = 0; at < 100; at++) {
        ignore(session.remote.echo(new Uint8Array(1000)));
      }
      await pause(0);
    }
  },
  async notifies(session) {
    while (!session.draining.aborted) {
      for (let at = 0; at < 100; at++) {
        ignore(session.remote.note(new Uint8Array(1000)));
      }
      await pause(0);
    }
  },
  async reads(session) {
    await ignore((async () => {
      for await (const _ of session.remote.down(null)) await pause(10);
    })());
    await session.finished;
  },
  async opens(session) {
    const streams = Array.from(
      { length: 64 },
      () => session.remote.down(null)[Symbol.asyncIterator](),
    );
    for (const stream of streams) ignore(stream.next());
    await session.finished;
    await pause(streams.length > 0 ? 0 : 1); // keeps them reachable
  },
  async sends(session) {
    async function* items() {
      while (!session.draining.aborted) yield new Uint8Array(100_000);
    }
    await Promise.all(
      Array.from(
        { length: 16 },
        () => ignore(session.remote.read(items()).result),
      ),
    );
    await session.finished;
  },
};

async function ignore(work: PromiseLike<unknown>): Promise<void> {
  try {
    await work;
  } catch { /* the attacker decides which calls fail */ }
}

/** A client of the attacker that connects again when its session ends. */
class Attacked {
  readonly #work: Promise<void>;
  #session: Session | undefined;
  #stopped = false;

  constructor(port: number, options: VictimOptions) {
    this.#work = this.#run(port, options);
  }

  async #run(port: number, options: VictimOptions) {
    const { use = "none" } = options;
    while (!this.#stopped) {
      try {
        const session = await connectTo(port, options);
        this.#session = session;
        if (this.#stopped) session.close();
        await USES[use](session);
        await session.close();
      } catch { /* the attacker refused the handshake */ }
      await pause(1);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#session?.close();
    await this.#work;
  }
}

/** A client that keeps its sessions with the attacker open, and makes no calls. */
class AttackedClient {
  readonly #client: Client<typeof Target>;

  constructor(port: number, options: VictimOptions) {
    const { sessions } = options;
    this.#client = createClient(Target, { hostname: "127.0.0.1", port }, {
      ...optionsOf(options),
      connections: sessions,
    });
  }

  async stop(): Promise<void> {
    await this.#client.close();
  }
}

function connectTo(
  port: number,
  options: VictimOptions = {},
): Promise<Session> {
  const address = { hostname: "127.0.0.1", port };
  return connect(Target, address, optionsOf(options));
}

function optionsOf(
  { limits, codec = "msgpack" }: VictimOptions,
): ConnectOptions<typeof Target> {
  return {
    limits,
    codecs: [CODECS[codec]],
    onError: () => {},
    handlers: {
      called: (_, { signal }) => handlers.during(aborted(signal)),
      noted: () => handlers.during(pause(10)),
      async taken(_, { signal }) {
        await handlers.during(aborted(signal));
        return 0;
      },
      ...sizedHandlers(handlers),
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

await runCommands({
  /** Connects to the server of the bystander's calls. */
  async start({ port }: { port: number }) {
    quiet = await connectTo(port, { limits: BYSTANDER_LIMITS });
  },
  /** Begins the bystander's calls. */
  watch() {
    bystander = new Bystander(() => quiet!.remote.echo(null));
  },
  /** Ends the bystander's calls. */
  watched: () => bystander!.stop(),
  /** Begins to use the attacker as a server. */
  attacked({ port, options }: { port: number; options: VictimOptions }) {
    attacked = options.sessions === undefined
      ? new Attacked(port, options)
      : new AttackedClient(port, options);
  },
  /** Ends the session with the attacker. */
  async safe() {
    await attacked?.stop();
    attacked = undefined;
  },
  async stop() {
    await quiet?.close();
    quiet = undefined;
  },
  /** Begins to measure. */
  measure() {
    handlers.restart();
    memory.start();
  },
  /** Ends measuring. */
  measured: async (): Promise<VictimReport> => ({
    ...await memory.stop(),
    handlers: handlers.most,
  }),
  memory: retained,
});
