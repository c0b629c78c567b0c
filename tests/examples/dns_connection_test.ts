/**
 * The client and the responder of the DNS example, with peers that violate the
 * protocol. tests/interop/servers covers well-behaved peers.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FrameError, frames } from "../../lib/framing/mod.ts";
import { dnsTcp } from "../../lib/framing/presets.ts";
import {
  connect,
  listen,
  type SocketConnection,
} from "../../lib/transport/mod.ts";
import { memoryPair } from "../../lib/testing/mod.ts";
import { DnsClient } from "../../examples/dns/client.ts";
import { DnsFormatError } from "../../examples/dns/errors.ts";
import { EXAMPLE_ZONE } from "../../examples/dns/example_zone.ts";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  Rcode,
} from "../../examples/dns/message.ts";
import { serveZone } from "../../examples/dns/responder.ts";
import { Zone } from "../../examples/dns/zone.ts";

const QUERY: Message = {
  id: 7,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: false,
  recursionAvailable: false,
  rcode: 0,
  questions: [{ name: "example.test.", type: "A", class: 1 }],
  answers: [],
  authorities: [],
  additionals: [],
};

function connectionTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Runs a client against a server that responds as `serve` says. */
async function against(
  serve: (queries: Message[]) => (Message | Uint8Array)[] | "close",
  meet: (client: DnsClient) => Promise<void>,
): Promise<void> {
  const [near, far] = memoryPair();
  const serving = (async () => {
    await using stream = frames(far, dnsTcp());
    const queries: Message[] = [];
    for await (const frame of stream) {
      queries.push(decodeMessage(frame));
      const responses = serve(queries);
      if (responses === "close") return;
      for (const response of responses) {
        await stream.send(
          response instanceof Uint8Array ? response : encodeMessage(response),
        );
      }
    }
  })();
  {
    await using client = new DnsClient(near, { timeout: 60_000 });
    await meet(client);
  }
  await serving;
}

function reply(query: Message | undefined, more: Partial<Message>): Message {
  assert(query);
  return { ...query, response: true, ...more };
}

connectionTest("DnsClient accepts responses in any order", () =>
  against(
    (queries) =>
      queries.length < 3
        ? []
        : queries.reverse().map((query) => reply(query, {})),
    async (client) => {
      const names = ["a.test.", "b.test.", "c.test."];
      const responses = await Promise.all(
        names.map((name) => client.query(name, "A")),
      );
      assertEquals(responses.map(({ questions }) => questions[0]?.name), names);
    },
  ));

connectionTest(
  "DnsClient ignores responses to other queries",
  () =>
    against(
      ([query]) => [
        reply(query, { id: (query?.id ?? 0) ^ 1, rcode: Rcode.REFUSED }),
        reply(query, { response: false }),
        reply(query, { rcode: Rcode.NXDOMAIN }),
      ],
      async (client) => {
        assertEquals((await client.query("a", "A")).rcode, Rcode.NXDOMAIN);
      },
    ),
);

for (
  const [what, more] of Object.entries<Partial<Message>>({
    "another name": { questions: [{ name: "b.", type: "A", class: 1 }] },
    "another type": { questions: [{ name: "a.", type: "MX", class: 1 }] },
    "another class": { questions: [{ name: "a.", type: "A", class: 3 }] },
    "no question": { questions: [] },
    "a truncated answer": { truncated: true },
  })
) {
  connectionTest(`DnsClient refuses a response with ${what}`, () =>
    against(
      ([query]) => [reply(query, more)],
      async (client) => {
        await assertRejects(() => client.query("a", "A"), DnsFormatError);
      },
    ));
}

connectionTest("DnsClient accepts FORMERR without the question", () =>
  against(
    ([query]) => [reply(query, { questions: [], rcode: Rcode.FORMERR })],
    async (client) => {
      assertEquals((await client.query("a", "A")).rcode, Rcode.FORMERR);
    },
  ));

connectionTest(
  "DnsClient rejects all queries when it cannot decode a response",
  () =>
    against(
      (queries) => queries.length < 2 ? [] : [new Uint8Array(12).fill(0xff)],
      async (client) => {
        const waiting = ["a", "b"].map((name) =>
          assertRejects(() => client.query(name, "A"), DnsFormatError)
        );
        await Promise.all(waiting);
        await assertRejects(() => client.query("c", "A"), Error, "closed");
      },
    ),
);

connectionTest(
  "DnsClient reports that the server closed the connection",
  () =>
    against(() => "close", async (client) => {
      await assertRejects(
        () => client.query("a", "A"),
        Error,
        "the server closed",
      );
    }),
);

connectionTest(
  "DnsClient.close() rejects pending queries",
  () =>
    against(() => [], async (client) => {
      const waiting = assertRejects(
        () => client.query("a", "A"),
        Error,
        "client was closed",
      );
      await client.close();
      await waiting;
    }),
);

connectionTest(
  "DnsClient rejects a query after its timeout",
  async () => {
    const [near, far] = memoryPair();
    await using client = new DnsClient(near, { timeout: 1 });
    const error = await assertRejects(
      () => client.query("a", "A"),
      DOMException,
    );
    assertEquals(error.name, "TimeoutError");
    far.close();
  },
);

/** Runs a responder, passes a connection to it, and returns its errors. */
async function asking(
  address: string,
  ask: (connection: SocketConnection, end: () => void) => Promise<void>,
  idleTimeout = 60_000,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  const listener = await listen({ memory: address });
  const serving = serveZone(listener, new Zone(EXAMPLE_ZONE), {
    idleTimeout,
    onError: (error) => errors.push(error),
  });
  using connection = await connect({ memory: address });
  await ask(connection, () => listener.close());
  listener.close();
  await serving;
  return errors;
}

connectionTest(
  "serveZone() answers queries sent before the client's half-close",
  async () => {
    const errors = await asking("dns-half-close", async (connection) => {
      const stream = frames(connection, dnsTcp());
      for (let id = 0; id < 100; id++) {
        stream.write(encodeMessage({ ...QUERY, id }));
      }
      await stream.closeWrite();
      const ids = [];
      for await (const frame of stream) ids.push(decodeMessage(frame).id);
      assertEquals(ids, Array.from({ length: 100 }, (_, id) => id));
    });
    assertEquals(errors, []);
  },
);

connectionTest(
  "serveZone() continues after a message that it cannot decode",
  async () => {
    const errors = await asking("dns-garbage", async (connection) => {
      const stream = frames(connection, dnsTcp());
      const garbage = new Uint8Array(40).fill(0x3f);
      stream.write(garbage);
      stream.write(encodeMessage(QUERY));
      const rcodes = [];
      for await (const frame of stream) {
        rcodes.push(decodeMessage(frame).rcode);
        if (rcodes.length === 2) await stream.closeWrite();
      }
      assertEquals(rcodes, [Rcode.FORMERR, Rcode.NOERROR]);
    });
    assertEquals(errors, []);
  },
);

connectionTest(
  "serveZone() disconnects a client that sends a frame without a header",
  async () => {
    const errors = await asking("dns-short", async (connection) => {
      await connection.write(Uint8Array.of(0, 11, 1, 2, 3));
      assertEquals(await connection.read(new Uint8Array(16)), null);
    });
    const [error, ...more] = errors;
    assert(error instanceof FrameError);
    assertEquals([error.code, more], ["too-short", []]);
  },
);

connectionTest("serveZone() disconnects idle clients", async () => {
  const errors = await asking("dns-idle", async (connection) => {
    assertEquals(await connection.read(new Uint8Array(16)), null);
  }, 1);
  assertEquals(errors, []);
});

connectionTest(
  "serveZone() ends with its listener and disconnects its clients",
  async () => {
    const errors = await asking("dns-closed", async (connection, end) => {
      const stream = frames(connection, dnsTcp());
      await stream.send(encodeMessage(QUERY));
      for await (const _ of stream) end();
    });
    assertEquals(errors, []);
  },
);
