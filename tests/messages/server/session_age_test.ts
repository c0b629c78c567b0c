/**
 * Servers drain old sessions, and their clients lose no call.
 *
 * @module
 */
import {
  createClient,
  createServer,
  protocol,
  serve,
  type SessionError,
  unary,
} from "@lengthwise/lengthwise";
import { simulatedNetwork, virtualTime } from "@lengthwise/lengthwise/testing";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { whenOld } from "../../../lib/messages/server/session_age.ts";

const Name = protocol({
  name: "name",
  server: { name: unary<number, string>() },
});

Deno.test("whenOld() varies the age by 10 %, and waits while the session is cut", async () => {
  using time = virtualTime();
  const start = performance.now();
  const ages: number[] = [];
  let cut = true;
  for (const random of [0, 0.5, 0.999]) {
    whenOld({
      age: 10_000,
      random,
      isCut: () => cut && random === 0.5,
      drain: () => void ages.push(Math.round(performance.now() - start)),
    });
  }
  whenOld({
    age: 10_000,
    random: 0,
    isCut: () => false,
    drain: () => void ages.push(-1),
  })();
  await time.advance(12_500);
  assertEquals(ages, [9_000, 10_998]);
  cut = false;
  await time.advance(1_000);
  assertEquals(ages, [9_000, 10_998, 13_000]);
});

Deno.test("createServer() rejects an age that is out of range", () => {
  for (const name of ["maxConnectionAge", "maxConnectionAgeGrace"]) {
    for (const value of [-1, NaN, 2 ** 31]) {
      assertThrows(
        () => createServer(Name, { [name]: value }).handle({ name: () => "" }),
        RangeError,
        name,
      );
    }
  }
});

Deno.test("a new server receives its share of clients within one maxConnectionAge, and no call fails", async () => {
  using time = virtualTime({ seed: 5 });
  const network = simulatedNetwork({ latency: 5 });
  const AGE = 3_000;
  const start = (name: string) =>
    serve(Name, network.listen(name), { maxConnectionAge: AGE }).handle({
      name: () => name,
    });
  const servers = [await start("a"), await start("b")];
  const names = ["a", "b"];
  let next = 0;
  // A load balancer with one address.
  const balanced = {
    name: "balanced",
    connect: (signal: AbortSignal) =>
      network.address(names[next++ % names.length]!).connect(signal),
  };
  const clients = Array.from(
    { length: 6 },
    () => createClient(Name, balanced),
  );
  const codes: string[] = [];
  await time.run(Promise.all(clients.map((client) => client.ready())));
  for (const { session } of clients) {
    const { draining } = session!; // the client is ready
    draining.addEventListener("abort", () => {
      const reason: SessionError = draining.reason;
      codes.push(reason.code);
    });
  }
  servers.push(await start("c"));
  names.push("c");
  const sizes = () => servers.map(({ sessions }) => sessions.size);
  assertEquals(sizes(), [3, 3, 0]);

  let running = true;
  let calls = 0;
  const calling = clients.map(async ({ remote }) => {
    while (running) {
      await remote.name(calls++); // none of them may fail
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
  await time.advance(AGE * 1.1 + 200);
  running = false;
  await time.run(Promise.all(calling));
  assertEquals(codes, Array.from({ length: 6 }, () => "age"));
  assert(calls > 80, `${calls} calls`);
  // Only some sessions are old for the second time.
  const [, , third = 0] = sizes();
  assert(third >= 1 && third <= 3, `${sizes()}`);
  await time.run(Promise.all(clients.map((client) => client.close())));
  await time.run(Promise.all(servers.map((server) => server.shutdown())));
});
