/**
 * Two services and their clients, whose calls Deno exports with
 * `OTEL_DENO=true`. Prints `done` when all calls have ended, and goes on until
 * its standard input ends.
 *
 * @module
 */
import { trace } from "@opentelemetry/api";
import {
  CallError,
  connect,
  createClient,
  type Middleware,
  notification,
  protocol,
  serve,
  serverStream,
  unary,
  use,
} from "../../../mod.ts";
import { otel } from "../../../lib/otel/mod.ts";
import type { Observer } from "../../../lib/messages/observe/mod.ts";

const Stock = protocol({
  name: "stock",
  server: {
    count: unary<string, number>({ idempotent: true }),
    busy: unary<void, string>({ idempotent: true }),
  },
});

const Shop = protocol({
  name: "shop",
  server: {
    orders: { create: unary<string, string>() },
    watch: serverStream<string, number>(),
    fail: unary<void, void>(),
    note: notification<string>(),
  },
  client: { confirm: unary<string, boolean>() },
});

/** The shop of a newer version, whose method the server does not have. */
const NewShop = protocol({
  name: "shop",
  server: { refund: unary<string, void>() },
});

const observers = [otel({ parent: "remote" })];

let calls = 0;
const busy: Middleware = (_context, next) => {
  if (++calls > 1) return next();
  throw new CallError("later", { code: "overloaded", retry: "later" });
};
await using stockServer = await serve(Stock, { port: 0 }, { observers }).handle(
  {
    count: (sku) => sku.length,
    busy: use(busy, () => "served"),
  },
);
await using stock = createClient(Stock, stockServer.addr, {
  reconnect: { minDelay: 1, maxDelay: 2 },
  observers,
});
await stock.ready();

const shopHandlers = {
  orders: {
    async create(sku: string, { session }: ShopContext) {
      const confirmed = await session.remote.confirm(sku);
      return `${sku} ${confirmed}`;
    },
  },
  async *watch(sku: string) {
    for (let item = 0; sku === "endless" || item < 4; item++) {
      yield item === 2 && sku !== "endless"
        ? await stock.remote.count(sku)
        : item;
    }
  },
  fail() {
    throw new Error("no shelf");
  },
  note() {},
};

/** The members of a context that the handlers use. */
interface ShopContext {
  readonly session: {
    readonly remote: { confirm(sku: string): Promise<boolean> };
  };
}

await using shopServer = await serve(Shop, { port: 0 }, { observers })
  .handle(shopHandlers);
await using shop = await connect(Shop, shopServer.addr, {
  handlers: {
    async confirm(sku) {
      return await stock.remote.count(sku) > 0;
    },
  },
  observers,
});

const tracer = trace.getTracer("test");
await tracer.startActiveSpan("checkout", async (span) => {
  await shop.remote.orders.create("A-1");
  for await (const _ of shop.remote.watch("A-22"));
  span.end();
});
for await (const item of shop.remote.watch("endless")) if (item === 1) break;
await shop.remote.fail().catch(() => {});
await shop.remote.note("seen");
await stock.remote.busy();
await using old = await connect(NewShop, shopServer.addr, { observers });
await old.remote.refund("A-1").catch(() => {});

// A public server does not continue the traces of its clients.
await using publicServer = await serve(Stock, { port: 0 }, {
  observers: [otel()],
}).handle({ count: () => 1, busy: () => "" });
const forged: Observer = {
  call: () => ({
    inject(carrier) {
      carrier.traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
    },
  }),
};
await using stranger = await connect(Stock, publicServer.addr, {
  observers: [forged],
});
await stranger.remote.count("x");

await shop.close();
console.log("done");
await new Response(Deno.stdin.readable).text();
