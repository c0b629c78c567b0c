/**
 * Clients and servers that resume their sessions, on a simulated network in
 * virtual time; and a conversation in which links are lost at every moment.
 *
 * @module
 */
import { assertEquals, equal } from "@std/assert";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import type { Connector } from "../../../lib/messages/client/connector.ts";
import type { CreateClientOptions } from "../../../lib/messages/client/create_client_options.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import {
  type SimulatedLink,
  simulatedNetwork,
  type VirtualTime,
  virtualTime,
} from "../../../lib/testing/mod.ts";
import { all } from "../kit.ts";
import { LateConnection, lateListener } from "./late_connection.ts";

/**
 * Bytes of each direction after which the session can be resumed. A cut before
 * that is a failed attempt, which may leave a session at the server.
 */
const HELLO_BYTES = 203;

/** A method of each shape. */
export const P = protocol({
  name: "p",
  server: {
    pay: unary<number, number>(),
    wait: unary<number, string>(),
    down: serverStream<number, number>(),
    up: clientStream<number, number>(),
    heard: notification<number>(),
  },
  client: { ask: unary<number, number>(), hear: notification<number>() },
});

/** A network with a server, and a client that resumes its sessions. */
export class World implements AsyncDisposable {
  readonly time: VirtualTime = virtualTime();
  readonly network;
  readonly log: string[] = [];
  readonly events: string[] = [];
  sessions = 0;
  /** Called with the server's end of each connection. */
  onAccepted: (connection: LateConnection) => void = () => {};
  /** Called with the client's end of each connection. */
  onConnected: (connection: LateConnection) => void = () => {};
  readonly #servers: { abort(): Promise<void> }[] = [];
  readonly #clients: { close(): Promise<void> }[] = [];

  constructor(onLink?: (link: SimulatedLink) => void) {
    this.network = simulatedNetwork({ latency: 5, ...(onLink && { onLink }) });
  }

  async serve(name = "a", grace = 30_000) {
    const { log } = this;
    const listener = lateListener(this.network.listen(name), this.onAccepted);
    const server = await serve(P, listener, {
      resume: { grace },
      onSession: ({ finished }) => {
        log.push("session");
        finished.then(({ code }) => log.push(`finished ${code}`));
      },
    }).handle({
      async pay(n, { session }) {
        log.push(`pay ${n}`);
        await session.remote.ask(n);
        return n;
      },
      async wait(ms, { signal }) {
        log.push("wait");
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          signal.addEventListener("abort", () => {
            log.push("aborted");
            clearTimeout(timer);
            resolve();
          });
        });
        return name;
      },
      async *down(count) {
        for (let n = 0; n < count; n++) yield n;
      },
      async up(items) {
        let sum = 0;
        for await (const item of items) sum += item;
        return sum;
      },
      heard: (n) => void log.push(`heard ${n}`),
    });
    this.#servers.push(server);
    return server;
  }

  client(
    names = ["a"],
    options: Partial<CreateClientOptions<typeof P>> = {},
  ) {
    const { log } = this;
    const client = createClient(
      P,
      names.map((name) => this.#address(name)),
      {
        onSession: () => void this.sessions++,
        handlers: {
          ask(n) {
            log.push(`ask ${n}`);
            return n;
          },
          hear: (n) => void log.push(`hear ${n}`),
        },
        ...options,
      },
    );
    (async () => {
      for await (const { kind } of client.events()) this.events.push(kind);
    })();
    this.#clients.push(client);
    return client;
  }

  #address(name: string): Connector {
    const { name: shown, connect } = this.network.address(name);
    return {
      name: shown,
      connect: async (signal) => {
        const connection = new LateConnection(await connect(signal));
        this.onConnected(connection);
        return connection;
      },
    };
  }

  /** Ends the client and the servers; nothing may be left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { time } = this;
    for (const client of this.#clients) await time.run(client.close());
    for (const server of this.#servers) await time.run(server.abort());
    await time.advance(2_000); // old connections linger
    const { timers } = time;
    time[Symbol.dispose]();
    assertEquals(timers, 0);
  }
}

/** Options of the client, and the grace of the server. */
type WorldOptions = Partial<CreateClientOptions<typeof P>> & {
  grace?: number;
};

/** Results and events of a conversation. */
interface Seen {
  /** Results, and events of the application in any order. */
  readonly application: readonly unknown[];
  /** Events of sessions. */
  readonly sessions: readonly string[];
}

/**
 * Makes calls of each shape, in both directions, and returns what is seen. They
 * take more than 200 frames.
 */
async function converse(
  world: World,
  { grace, ...options }: WorldOptions = {},
): Promise<Seen> {
  const server = await world.serve("a", grace);
  const client = world.client(["a"], options);
  async function* numbers() {
    for (let n = 1; n <= 40; n++) yield n;
  }
  const work = Promise.all([
    ...Array.from({ length: 26 }, (_, n) => client.remote.pay(n)),
    all(client.remote.down(40)),
    client.remote.up(numbers()).result,
    client.remote.wait(40),
    client.ready().then(async () => {
      for (let n = 0; n < 7; n++) {
        await client.remote.heard(n);
        server.broadcast.hear(n);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }),
  ]);
  const seen: unknown[] = await world.time.run(work);
  await world.time.advance(45_000); // timers of old links
  seen.push(await world.time.run(client.remote.pay(99)));
  const ofSession = (event: string) => /^(session|finished)/.test(event);
  const events = world.log.filter((event) => !ofSession(event)).toSorted();
  return {
    application: [...seen, events, world.sessions],
    sessions: world.log.filter(ofSession),
  };
}

/** The conversation without faults, and the bytes of each direction. */
async function undisturbed() {
  const bytes = { toServer: 0, toClient: 0 };
  await using world = new World(({ toServer, toClient }) => {
    setTimeout(() => {
      bytes.toServer = toServer.bytes;
      bytes.toClient = toClient.bytes;
    }, 900);
  });
  return { expected: await converse(world), bytes };
}

/**
 * Has the conversation while `onLink` disturbs its links.
 *
 * @returns whether it went as without disturbance, and the number of links
 */
async function disturbed(
  expected: Partial<Seen>,
  onLink: (link: SimulatedLink, number: number, world: World) => void,
): Promise<{ same: boolean; links: number }> {
  let links = 0;
  try {
    await using world = new World((link) => onLink(link, ++links, world));
    const seen = await converse(world);
    return { same: equal({ ...seen, ...expected }, seen), links };
  } catch {
    return { same: false, links }; // a call has failed, or timers are left
  }
}

/**
 * Has the conversation while both ends, one of them or none resume sessions.
 *
 * @returns the first difference in the events of both ends, which have the same
 * times and order
 */
export async function compareOffers(): Promise<string | undefined> {
  const runs: string[][] = [];
  for (const grace of [30_000, 0]) {
    for (const patience of [undefined, 0]) {
      await using world = new World();
      const { time, log, events } = world;
      const seen: string[] = [];
      const timed = (what: string) => seen.push(`${time.now} ${what}`);
      log.push = (event) => timed(event);
      events.push = (event) => timed(`client ${event}`);
      await converse(world, { grace, resume: { patience } });
      runs.push(seen);
    }
  }
  const [both, ...others] = runs;
  for (const other of others) {
    const length = Math.max(both!.length, other.length);
    for (let index = 0; index < length; index++) {
      if (both![index] === other[index]) continue;
      return `${both![index]} | ${other[index]}`;
    }
  }
  return both!.length > 50 ? undefined : `only ${both!.length} events`;
}

/** Cuts the first link after every n-th byte of each direction. */
export async function cutEveryByte(
  step: number,
): Promise<{ failures: string[]; cuts: number }> {
  const { expected, bytes } = await undisturbed();
  const failures: string[] = [];
  let cuts = 0;
  for (const way of ["toServer", "toClient"] as const) {
    for (let after = 0; after < bytes[way]; after += step) {
      const { application } = expected;
      const comparable = after < HELLO_BYTES ? { application } : expected;
      const { same, links } = await disturbed(comparable, (link, number) => {
        if (number === 1) link[way].fault = { kind: "reset", after };
      });
      if (!same) failures.push(`${after} bytes ${way}`);
      if (links > 1) cuts++;
    }
  }
  return { failures, cuts };
}

/**
 * Loses links at the client's end only, every n-th millisecond: the server's end
 * still delivers bytes, or ends, before and after the session is resumed.
 *
 * @returns what went wrong, and how often a link replaced one still in use
 */
export async function disturbWithOldLinks(
  step: number,
): Promise<{ failures: string[]; fences: number }> {
  const { expected } = await undisturbed();
  const failures: string[] = [];
  let fences = 0;
  for (let at = 25; at < 90; at += step) {
    for (const later of [0, 7, 21]) {
      const { same, links } = await disturbed(expected, (link, number) => {
        if (number > 3) return;
        setTimeout(() => link.cut("client"), at);
        setTimeout(() => link.cut("server"), at + later * number);
      });
      if (!same) failures.push(`after ${at} ms, server ${later} ms later`);
      if (later > 0) fences += links - 1;
    }
  }
  return { failures, fences };
}

/**
 * Loses links while bytes are on their way, every n-th millisecond. The old link
 * delivers them later, when the session may have another one.
 *
 * @returns what went wrong, and the number of bytes that a closed link delivered
 */
export async function disturbWithLateData(
  step: number,
): Promise<{ failures: string[]; late: number }> {
  const { expected } = await undisturbed();
  const failures: string[] = [];
  let late = 0;
  for (let at = 25; at < 90; at += step) {
    for (const end of ["server", "client"] as const) {
      for (const later of [8, 60, 150]) {
        const held: LateConnection[] = [];
        const { same } = await disturbed(expected, (link, number, world) => {
          if (number > 2) return;
          const hold = (connection: LateConnection) => {
            if (held.length === number) return;
            held.push(connection);
            setTimeout(() => connection.hold(true), at);
            setTimeout(() => connection.hold(false), at + 15 + later);
            setTimeout(() => {
              if (end === "server") link.cut("client");
              else connection.writesFail = true;
            }, at + 15);
          };
          if (end === "server") world.onAccepted = hold;
          else world.onConnected = hold;
        });
        if (!same) {
          failures.push(`after ${at} ms, ${end} ${later} ms later`);
        }
        for (const connection of held) late += connection.late;
      }
    }
  }
  return { failures, late };
}
