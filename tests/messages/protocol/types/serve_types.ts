/**
 * Types of servers and clients: code that must compile, and code that must not.
 * The compiler checks this file; nothing here runs.
 *
 * @module
 */
import { connect } from "../../../../lib/messages/client/connect.ts";
import { createClient } from "../../../../lib/messages/client/create_client.ts";
import type {
  ClientContext,
  ClientSession,
} from "../../../../lib/messages/client/client_session.ts";
import type { ConnectOptions } from "../../../../lib/messages/client/connect.ts";
import type { SessionError } from "../../../../lib/messages/errors/call_error.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../../lib/messages/protocol/protocol.ts";
import type { Interceptor } from "../../../../lib/messages/calls/interceptor.ts";
import { use } from "../../../../lib/messages/handlers/use.ts";
import type { Handlers } from "../../../../lib/messages/protocol/protocol_types.ts";
import { createServer, serve } from "../../../../lib/messages/server/server.ts";
import type {
  ClientInfo,
  Server,
  ServerContext,
  ServerSession,
} from "../../../../lib/messages/server/server_types.ts";
import type { PeerCertificate } from "../../../../lib/transport/peer_certificate.ts";

interface User {
  name: string;
}
type Errors = { outOfStock: { left: number }; closed: void };

const Shop = protocol({
  name: "shop",
  server: {
    order: unary<{ sku: string }, { id: string }, Errors>(),
    watch: serverStream<string, number>(),
    upload: clientStream<Uint8Array, number, Record<never, never>, User>(),
    chat: duplex<string, string>(),
    log: notification<string>(),
  },
  client: { alert: notification<string>(), confirm: unary<string, boolean>() },
});
const Plain = protocol({ name: "plain", server: { ping: unary() } });

const rest = {
  async *watch() {
    yield 1;
  },
  upload: () => 1,
  async *chat() {
    yield "x";
  },
  log() {},
};

/** Callbacks may return the promise of a call; its result is ignored. */
export function resultsOfCallbacks(): void {
  const Room = protocol({
    name: "room",
    server: { join: unary<string, { members: string[] }>() },
  });
  createClient(Room, { port: 1 }, {
    onSession: (session) => session.remote.join("garden"),
    onError: ({ id }) => Promise.resolve(id),
  });
  createServer(Room, {
    onSession: (session) => session.finished.then(({ code }) => code),
    onError: ({ id }) => Promise.resolve(id),
  });
}

export async function whatHandlersKnow(): Promise<void> {
  const server = await serve(
    Shop,
    { port: 0 },
    {
      authenticate: (credentials, client): User => {
        client satisfies ClientInfo;
        return { name: String(credentials) };
      },
      state: () => ({ orders: 0 }),
      onSession: (session) => void (session.auth satisfies User),
    },
  ).handle(use((_context, next) => next({ tenant: "x" }), {
    order: async ({ sku }, context) => {
      sku satisfies string;
      context.signal satisfies AbortSignal;
      context.timeLeft satisfies number;
      context.metadata["a"] satisfies string | undefined;
      context.opening satisfies void;
      context.session.auth satisfies User;
      context.session.state.orders satisfies number;
      context.session.peerCertificate satisfies PeerCertificate | undefined;
      context.session.server satisfies Server<
        typeof Shop,
        User,
        { orders: number }
      >;
      (await context.remote.confirm("sure?")) satisfies boolean;
      (await context.session.remote.confirm("sure?")) satisfies boolean;
      context.tenant satisfies string;
      await context.remote.alert("x", context.inherit({ timeout: 5 }));
      if (sku === "") throw context.error("outOfStock", { left: 1 });
      if (sku === "x") throw context.error("closed");
      throw context.refuse("No", { code: "forbidden", retry: "later" });
    },
    async *watch(sku, { tenant, session }) {
      sku satisfies string;
      tenant satisfies string;
      session.auth.name satisfies string;
      yield 1;
    },
    async upload(items, { opening }) {
      opening.name satisfies string;
      for await (const item of items) item satisfies Uint8Array;
      return 1;
    },
    async *chat(lines) {
      for await (const line of lines) yield line;
    },
    log: async (text) => {
      await Promise.resolve(text satisfies string);
    },
  }));
  server satisfies Server<typeof Shop, User, { orders: number }>;
  for (const session of server.sessions) session.auth.name satisfies string;
}

export function whatHandlersMayNot(): void {
  createServer(Shop).handle({
    ...rest,
    order: (_, context) => {
      const { session } = context;
      // @ts-expect-error there is no authentication
      context.session.auth.name;
      // @ts-expect-error no middleware adds this
      context.tenant;
      // @ts-expect-error an error that is not declared
      context.error("missing");
      // @ts-expect-error wrong data
      context.error("outOfStock", { left: "1" });
      // @ts-expect-error the data is missing
      context.error("outOfStock");
      // @ts-expect-error a code that handlers cannot use
      context.refuse("x", { code: "deadline" });
      // @ts-expect-error a method of the server's side, called at the client
      context.remote.order({ sku: "x" });
      // @ts-expect-error members of the framework are read-only
      context.session = session;
      return { id: "x" };
    },
  });
  // @ts-expect-error a handler is missing
  createServer(Shop).handle(rest);
  createServer(Plain).handle({
    ping() {},
    // @ts-expect-error an extra handler
    pong() {},
  });
  // @ts-expect-error wrong output
  createServer(Shop).handle({ ...rest, order: () => ({ id: 1 }) });
  createServer(Shop).handle({
    ...rest,
    // @ts-expect-error wrong input
    order: (_: { sku: number }) => ({ id: "" }),
  });
  createServer(Shop).handle({
    ...rest,
    order: () => ({ id: "" }),
    // @ts-expect-error a single output where items are declared
    watch: () => 1,
  });
  createServer(Shop, { authenticate: (): User => ({ name: "x" }) }).handle({
    ...rest,
    // @ts-expect-error the handlers expect another user type
    order: (_, { session }: ServerContext<typeof Shop, { id: number }>) => ({
      id: String(session.auth.id),
    }),
  });
}

export async function whatConnectAsksFor(): Promise<void> {
  const handlers = {
    alert: (_text: string) => {},
    confirm: (_text: string) => true,
  };
  const plain = await connect(Plain, { port: 1 });
  plain satisfies ClientSession<typeof Plain>;
  await connect(Plain, "tcp://127.0.0.1:1", { callTimeout: 5, early: true });
  const session = await connect(Shop, { port: 1 }, {
    handlers: {
      alert: (text, context) => {
        text satisfies string;
        context satisfies ClientContext<typeof Shop>;
        context.session.mismatches.length satisfies number;
      },
      confirm: async (_, { remote }) =>
        (await remote.order({ sku: "x" })).id === "",
    },
    credentials: { any: ["thing"] },
  });
  (await session.remote.order({ sku: "x" })).id satisfies string;
  await session.refresh("new");
  // @ts-expect-error the server may call the client: handlers are required
  await connect(Shop, { port: 1 });
  // @ts-expect-error the same, with other options
  await connect(Shop, { port: 1 }, { callTimeout: 5 });
  // @ts-expect-error a handler is missing
  await connect(Shop, { port: 1 }, { handlers: { alert: handlers.alert } });
  await connect(Shop, { port: 1 }, {
    // @ts-expect-error wrong output
    handlers: { ...handlers, confirm: () => "yes" },
  });
  await connect(Plain, { port: 1 }, {
    // @ts-expect-error there is nothing to handle
    handlers: { alert() {} },
  });
  // @ts-expect-error an unknown option
  await connect(Plain, { port: 1 }, { timeOut: 5 });
  // @ts-expect-error the member is read-only
  session.mismatches = [];
  const options: ConnectOptions<typeof Shop> = { handlers };
  await connect(Shop, { port: 1 }, options);
  const interceptor: Interceptor = (request, next) => {
    // @ts-expect-error requests are read-only; pass a changed copy to next()
    request.method = "x";
    return next({ ...request, options: { timeout: 5 } });
  };
  await connect(Plain, { port: 1 }, { interceptors: [interceptor] });
}

export function whatSessionsAre(
  session: ServerSession<typeof Shop, User, { count: number }>,
): void {
  session.state.count++;
  // @ts-expect-error auth comes from authenticate
  session.auth = { name: "x" };
  session.finished satisfies Promise<SessionError>;
  session.roundTrip satisfies number | undefined;
}

export function whatHandlersApartMayDo(): void {
  const apart: Handlers<
    typeof Plain,
    "server",
    ServerContext<typeof Plain>
  > = { ping: (_, { session, method }) => void [session.remoteAddr, method] };
  createServer(Plain).handle(apart);
  createServer(Plain, { authenticate: (_token: unknown) => "ada" }).handle(
    apart,
  );
  createServer(Plain, { state: () => 5 }).handle(apart);
}
