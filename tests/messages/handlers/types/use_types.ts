/**
 * Types that are inferred for authentication and middleware: code that must
 * compile, and code that must not. The compiler checks this file; nothing here
 * runs.
 *
 * @module
 */
import {
  chain,
  connect,
  createServer,
  duplex,
  type Handlers,
  limit,
  type Middleware,
  type MiddlewareContext,
  protocol,
  serve,
  type ServerContext,
  serverStream,
  unary,
  use,
} from "@lengthwise/lengthwise";

interface User {
  name: string;
}

const Shop = protocol({
  name: "shop",
  server: {
    who: unary<string, string>(),
    order: unary<string, string, { soldOut: { left: number } }>(),
    admin: {
      ban: unary<number, number>(),
      watch: serverStream<number, number>(),
      deep: { talk: duplex<string, string>() },
    },
  },
  client: { ask: unary<string, boolean>(), group: { tell: unary<string>() } },
});
type Context = ServerContext<typeof Shop, User>;

/** Returns its argument if its type is exactly `Expected`, so neither `any` nor `never`. */
function exactly<Expected>() {
  return <Actual>(
    value: Actual,
    ..._wrong: IsExactly<Expected, Actual> extends true ? []
      : ["the type differs"]
  ): Actual => value;
}
type IsExactly<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;
const user = exactly<User>();
const text = exactly<string>();
declare const none: never;
// deno-lint-ignore no-explicit-any -- exactly() must reject it
declare const any: any;
// @ts-expect-error exactly() rejects never
user(none);
// @ts-expect-error and any
user(any);

declare const rest: Omit<
  Handlers<typeof Shop, "server", ServerContext<typeof Shop>>,
  "who"
>;
declare const { admin, order }: typeof rest;

// Handlers in a file of their own, written for a context type.
const apart: Handlers<typeof Shop, "server", Context> = {
  ...rest,
  who: (_, { session }) => text(session.auth.name),
};

export function whatAuthenticateInfers(): void {
  createServer(Shop, { authenticate: (token) => ({ name: String(token) }) })
    .handle({ ...rest, who: (_, { session }) => user(session.auth).name });
  createServer(Shop, {
    authenticate: (_token, client) => ({ name: text(client.protocol) }),
  }).handle({ ...rest, who: (_, { session }) => user(session.auth).name });
  serve(Shop, { port: 0 }, {
    authenticate: async (token) => await Promise.resolve({ name: `${token}` }),
    state: () => ({ seen: 0 }),
    onSession: (session) => void user(session.auth),
  }).handle({
    ...rest,
    who: (_, { session }) => user(session.auth).name + session.state.seen++,
  });
  const authenticate = (token: unknown): User => ({ name: String(token) });
  createServer(Shop, { authenticate }).handle(apart);
  createServer(Shop, { authenticate }).handle({ ...rest, who: (sku) => sku });
  createServer(Shop).handle({
    ...rest,
    // @ts-expect-error there is no authentication
    who: (_, { session }) => session.auth.name,
  });
  // @ts-expect-error the handlers expect a user
  createServer(Shop).handle(apart);
}

const tenant: Middleware<{ tenant: string }> = (context, next) =>
  next({ tenant: context.method });
const audited: Middleware<
  { audit: string },
  MiddlewareContext & { tenant: string }
> = (context, next) => next({ audit: context.tenant });
const owner: Middleware<{ owner: User }, Context> = (context, next) =>
  next({ owner: context.session.auth });

const authenticate = (token: unknown): User => ({ name: String(token) });

export function whatLimitInfers(): void {
  createServer(Shop, { authenticate: (name) => ({ name: String(name) }) })
    .handle({
      ...rest,
      who: use(
        limit({ rate: 1, key: ({ session }) => text(session.auth.name) }),
        (sku, { session }) => text(sku) + session.auth.name,
      ),
      order: use(
        chain(
          tenant,
          limit({ rate: 1, key: (context) => text(context.tenant) }),
        ),
        (sku, context) => text(sku) + text(context.tenant),
      ),
    });
  createServer(Shop).handle(use(
    limit({ rate: 1, key: (context) => text(context.method) }),
    { ...rest, who: (sku) => text(sku) },
  ));
  createServer(Shop).handle({
    ...rest,
    who: use(
      // @ts-expect-error there is no authentication
      limit({ rate: 1, key: ({ session }) => session.auth.name }),
      (sku) => sku,
    ),
  });
  // @ts-expect-error the key is a string
  limit({ rate: 1, key: () => 1 });
  // @ts-expect-error the rate is missing
  limit({ key: () => "" });
}

export function whatUseInfers(): void {
  createServer(Shop, { authenticate: (name) => ({ name: String(name) }) })
    .handle({
      who: use(
        (context, next) => next({ shout: user(context.session.auth).name }),
        (sku, { shout, session }) =>
          text(sku) + text(shout) + session.auth.name,
      ),
      order: use(owner, (_, context) => {
        throw context.error("soldOut", {
          left: user(context.owner).name.length,
        });
      }),
      admin: use(async (context, next) => {
        const result = await next({ level: user(context.session.auth).name });
        return { ...result, output: result.output };
      }, {
        ban: (id, { level }) => id + text(level).length,
        async *watch(id, { level }) {
          yield id + text(level).length;
        },
        deep: {
          talk: use(
            (context, next) => next({ inner: text(context.level) }),
            async function* (lines, { inner, level, session }) {
              for await (const line of lines) {
                yield text(line) + text(inner) + text(level) +
                  session.auth.name;
              }
            },
          ),
        },
      }),
    });
  // Around all handlers, by name and inline.
  createServer(Shop).handle(
    use(tenant, { ...rest, who: (_, context) => text(context.tenant) }),
  );
  createServer(Shop).handle(use(
    (context, next) => next({ tenant: context.method }),
    { ...rest, who: (_, context) => text(context.tenant) },
  ));
  createServer(Shop, { authenticate }).handle({
    ...rest,
    who: use(tenant, use(owner, (_, c) => text(c.tenant) + user(c.owner).name)),
  });
  // A middleware that answers by itself, and one that adds nothing.
  createServer(Shop).handle({
    ...rest,
    who: use(async (context, next) => {
      if (context.input === "") return { output: "unknown" };
      return await next({ known: true });
    }, (_, { known }) => String(exactly<boolean>()(known))),
    order: use((_context, next) => next(), (sku) => text(sku)),
  });
  // Handlers of a group in a file of their own.
  const apart: Handlers<typeof Shop, "server", Context>["admin"] = use(owner, {
    ...admin,
    ban: (id, context) => id + user(context.owner).name.length,
  });
  createServer(Shop, { authenticate }).handle({
    ...rest,
    who: order,
    admin: apart,
  });
}

export function whatClientsMayUse(): void {
  connect(Shop, { port: 1 }, {
    handlers: {
      ask: use(
        tenant,
        (_, { tenant, session }) =>
          text(tenant) === session.remoteAddr.transport,
      ),
      group: use((context, next) => next({ name: context.method }), {
        tell: async (_, { name, remote }) => void await remote.who(text(name)),
      }),
    },
  });
  connect(Shop, { port: 1 }, {
    handlers: use((context, next) => next({ name: context.method }), {
      ask: (_, { name }) => text(name) === "",
      group: { tell: (_, { name }) => void text(name) },
    }),
  });
}

export function whatChainInfers(): void {
  createServer(Shop, { authenticate: (name) => ({ name: String(name) }) })
    .handle({
      ...rest,
      who: use(
        chain(
          (context, next) => next({ a: user(context.session.auth).name }),
          (context, next) => next({ b: text(context.a) }),
        ),
        (_, { a, b, session }) => text(a) + text(b) + session.auth.name,
      ),
      order: use(
        chain(tenant, owner),
        (_, context) => text(context.tenant) + user(context.owner).name,
      ),
    });
  const inline = chain(
    (context, next) => next({ a: text(context.method) }),
    (context, next) => next({ b: text(context.a) }),
  );
  const named = chain(tenant, audited);
  const mixed = chain(
    owner,
    (context, next) =>
      next({ name: user(context.owner).name + context.session.auth.name }),
  );
  createServer(Shop, { authenticate }).handle({
    ...rest,
    who: use(inline, (_, { a, b }) => text(a) + text(b)),
    order: use(named, (_, { audit }) => text(audit)),
    admin: use(mixed, {
      ...admin,
      ban: (_, { name, owner }) => text(name).length + user(owner).name.length,
    }),
  });
  chain(tenant, owner) satisfies Middleware<
    { tenant: string; owner: User },
    Context
  >;
}

export function whatMiddlewareMayNot(): void {
  // @ts-expect-error it adds less than it declares
  const _less: Middleware<{ tenant: string }> = (_context, next) => next({});
  // @ts-expect-error it does not return the result of next()
  const _silent: Middleware = (_context, next) => void next();
  createServer(Shop).handle({
    ...rest,
    // @ts-expect-error the middleware expects a user
    who: use(owner, (sku: string) => sku),
    // @ts-expect-error `audited` needs a member that no middleware adds
    order: use(audited, (sku: string) => sku),
  });
  createServer(Shop).handle({
    ...rest,
    // @ts-expect-error the middleware does not add this member
    who: use(tenant, (_, { missing }) => missing),
  });
  // @ts-expect-error an array is not a middleware
  use([tenant, audited], (sku: string) => sku);
  createServer(Shop).handle({
    ...rest,
    who: (sku) => sku,
    admin: {
      ...admin,
      deep: {
        ...admin.deep,
        // @ts-expect-error an extra handler on a nested level
        tlak: () => {},
      },
    },
  });
  createServer(Shop).handle({
    ...rest,
    who: (sku) => sku,
    // @ts-expect-error an extra group
    admins: { ban: () => 1 },
  });
}
