/**
 * Three processes with 1,000 subscribers each, joined by nats-server: every
 * subscriber gets every message, in the order of its publisher.
 *
 * `deno task cluster:long 60` runs it for 60 s.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { NatsServer } from "./nats_server.ts";

const MEMBERS = 3;
const CLIENTS = 1_000;
/** Milliseconds between two messages of a member. */
const PAUSE = 200;

/** A process with a server and its clients. */
class Member {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(port: number, name: number, messages: number) {
    const program = new URL("./many_member.ts", import.meta.url).pathname;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--frozen", "--no-lock", "--allow-all", "--no-check"],
        program,
        ...[port, name, MEMBERS, CLIENTS, messages, PAUSE].map(String),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Lets the process go on. */
  async proceed(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("\n"));
  }

  /** Returns the next line of the process. */
  async line(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#output.read();
      if (done) throw new Error(`the process has ended: ${this.#text}`);
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** Ends the process. */
  async end(): Promise<void> {
    await this.proceed();
    await this.#child.status;
    await this.#input.close().catch(() => {}); // the process has ended
    await this.#output.cancel();
  }
}

/** Runs the servers for some seconds and checks what each client received. */
export async function run(seconds: number): Promise<number> {
  const messages = Math.round(seconds * 1_000 / PAUSE);
  await using nats = await NatsServer.start();
  const members = Array.from(
    { length: MEMBERS },
    (_, name) => new Member(nats.port, name, messages),
  );
  for (const member of members) assertEquals(await member.line(), "ready");
  for (const member of members) await member.proceed();
  for (const member of members) {
    const { bus, ...result } = JSON.parse(await member.line());
    assertEquals(result, {
      left: 0,
      wrong: [],
      delivered: CLIENTS * MEMBERS * messages,
      dropped: 0,
    });
    assertEquals(bus, {
      ...bus,
      published: messages,
      received: (MEMBERS - 1) * messages,
      ...{ dropped: 0, gaps: 0, missing: 0, repeated: 0, unusable: 0 },
    });
  }
  for (const member of members) await member.end();
  return MEMBERS * CLIENTS * MEMBERS * messages;
}

if (import.meta.main && Deno.args.length > 0) {
  const delivered = await run(Number(Deno.args[0]));
  console.log(`${delivered} messages were delivered once and in order`);
} else {
  Deno.test("3 × 1,000 subscribers get every message in the order of its publisher", async () => {
    await run(3);
  });
}
