import { assertEquals, assertRejects } from "@std/assert";
import { WorkerLink } from "../../lib/cli/worker_link.ts";

Deno.test("WorkerLink delivers copies in order, whenever they are received", async () => {
  const { port1, port2 } = new MessageChannel();
  let closed = 0;
  const [near, far] = [
    new WorkerLink(port1, () => closed++),
    new WorkerLink(port2),
  ];
  const early = far.receive();
  for (const value of [1n, { date: new Date(5), none: undefined }]) {
    near.send(value);
  }
  assertEquals(await early, 1n);
  assertEquals(await far.receive(), { date: new Date(5), none: undefined });
  near.close();
  port1.close();
  far.close();
  assertEquals(closed, 1);
});

Deno.test("WorkerLink rejects what is received after a failure", async () => {
  const { port1, port2 } = new MessageChannel();
  const link = new WorkerLink(port1);
  const waiting = link.receive();
  link.fail(new Error("crashed"));
  link.fail(new Error("again"));
  await assertRejects(() => waiting, Error, "crashed");
  await assertRejects(() => link.receive(), Error, "crashed");
  link.close();
  port2.close();
});
