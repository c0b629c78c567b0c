/**
 * A server that prints its port, for tests that stop its process.
 *
 * @module
 */
import { protocol, serve, serverStream, unary } from "@lengthwise/lengthwise";

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<string, string>(),
    ticks: serverStream<void, number>(),
  },
});
const server = await serve(Shop, { port: 0 }).handle({
  price: (sku) => sku,
  async *ticks() {
    yield 1;
    await new Promise(() => {});
  },
});
console.log(server.addr.port);
