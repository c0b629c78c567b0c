/**
 * A server of payments that kills itself at random, between the steps of a
 * payment. Its ledger is a file, to which each payment appends a line.
 *
 * Arguments: port of Redis, port to listen on, folder of the ledger, probability
 * of a crash at each point, lease in ms.
 *
 * @module
 */
import { protocol, serve, unary } from "@lengthwise/lengthwise";
import { RedisOnceStore } from "../../../../examples/once_redis/redis_once_store.ts";

/** The protocol of the trial. */
export const Payments = protocol({
  name: "payments",
  server: { pay: unary<{ id: number }, string>({ once: true }) },
});

/** Points between the steps of a payment: reserve, effect, settle, reply. */
export const POINTS = ["reserve-effect", "effect-settle", "settle-reply"];

if (import.meta.main) await main();

async function main(): Promise<void> {
  const [redisPort, port, folder, probability, lease] = Deno.args;
  const store = await RedisOnceStore.open(
    { port: Number(redisPort) },
    { lease: Number(lease) },
  );
  const crashAt = (point: string) => {
    if (Math.random() >= Number(probability)) return;
    Deno.writeTextFileSync(`${folder}/crashes`, `${point}\n`, { append: true });
    Deno.kill(Deno.pid, "SIGKILL");
    for (;;); // until the signal arrives
  };
  const settle = store.settle.bind(store);
  store.settle = async (...args) => {
    await settle(...args);
    crashAt("settle-reply");
  };
  const server = await serve(Payments, { port: Number(port) }, { once: store })
    .handle({
      async pay({ id }) {
        await pause();
        crashAt("reserve-effect");
        const receipt = crypto.randomUUID();
        Deno.writeTextFileSync(
          `${folder}/ledger`,
          `${id} ${receipt} ${Date.now()}\n`,
          { append: true },
        );
        crashAt("effect-settle");
        await pause();
        return receipt;
      },
    });
  await server.finished;
}

/** Lets other payments, and the crashes of others, come between two steps. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
}
