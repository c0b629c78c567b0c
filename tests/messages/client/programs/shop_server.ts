/**
 * A server that prints its port, for a test that stops its process.
 *
 * @module
 */
import { protocol, serve, unary } from "@lengthwise/lengthwise";

const Shop = protocol({
  name: "shop",
  server: { price: unary<string, string>() },
});
const server = await serve(Shop, { port: 0 }).handle({ price: (sku) => sku });
console.log(server.addr.port);
