/**
 * Prints the ms from an import to the moment at which it can be used: a module of
 * msgpackr, or this library with an open session.
 *
 * @module
 */
const [what] = Deno.args;
const start = performance.now();
if (what === "msgpackr") {
  // @ts-types="npm:msgpackr@2.1.3"
  const { Packr } = await import("msgpackr/index-no-eval");
  new Packr({ useRecords: false });
  console.log(performance.now() - start);
} else {
  const { connect, protocol, serve, unary } = await import("../../../mod.ts");
  const Echo = protocol({
    name: "echo",
    server: { echo: unary<string, string>() },
  });
  const server = await serve(Echo, { port: 0 }).handle({
    echo: (text) => text,
  });
  const session = await connect(Echo, server.addr);
  const ready = performance.now() - start;
  if (await session.remote.echo("a") !== "a") throw new Error("Wrong reply");
  console.log(ready);
}
Deno.exit(0);
