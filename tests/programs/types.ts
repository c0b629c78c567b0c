/**
 * Code of users that must not compile.
 *
 * Each `@ts-expect-error` that finds no error is an error itself.
 */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";

const Shop = protocol({
  name: "shop",
  server: { price: unary<{ sku: string }, { cents: number }>() },
});

export async function calls(): Promise<void> {
  await using session = await connect(Shop, { memory: "shop" });
  const { cents } = await session.remote.price({ sku: "A-1" });
  cents satisfies number;
  // @ts-expect-error -- the result is a number
  cents satisfies string;
  // @ts-expect-error -- `sku` is a string
  await session.remote.price({ sku: 1 });
  // @ts-expect-error -- there is no such method
  await session.remote.prize({ sku: "A-1" });
}

export async function handlers(): Promise<void> {
  // @ts-expect-error -- the handler of `price` is missing
  await serve(Shop, { memory: "shop" }).handle({});
}
