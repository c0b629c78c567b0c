#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Declared errors: expected failures are part of the protocol, and typed for
 * the caller. Details of undeclared failures stay on the server.
 *
 * @module
 */
import {
  CallError,
  connect,
  isDeclared,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";

interface Operands {
  a: number;
  b: number;
}

const Calculator = protocol({
  name: "calculator",
  server: {
    add: unary<Operands, number>(),
    divide: unary<Operands, number, { divisionByZero: { dividend: number } }>(),
    root: unary<number, number>(),
  },
});

await using server = await serve(
  Calculator,
  { port: 0 },
  {
    onError: ({ method, error }) =>
      console.log(`server: ${method} failed: ${error}`),
  },
).handle({
  add: ({ a, b }) => a + b,
  divide({ a, b }, context) {
    if (b === 0) throw context.error("divisionByZero", { dividend: a });
    return a / b;
  },
  root(x) {
    if (x < 0) throw new RangeError(`${x} has no real square root`);
    return Math.sqrt(x);
  },
});
await using session = await connect(Calculator, server.addr);
const { add, divide, root } = session.remote;

console.log("2 + 3 =", await add({ a: 2, b: 3 }));
console.log("7 / 2 =", await divide({ a: 7, b: 2 }));
try {
  await divide({ a: 7, b: 0 });
} catch (error) {
  if (!isDeclared(Calculator.server.divide, error, "divisionByZero")) {
    throw error;
  }
  console.log(`7 / 0: cannot divide ${error.data.dividend} by zero`);
}
try {
  await root(-1);
} catch (error) {
  if (!(error instanceof CallError)) throw error;
  console.log(
    `√-1: ${error.code}, without details (processed: ${error.processed})`,
  );
}
