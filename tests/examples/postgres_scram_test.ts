/**
 * SCRAM-SHA-256 of the PostgreSQL example: the exchange in RFC 7677, and
 * dishonest servers.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { AuthenticationError } from "../../examples/postgres/errors.ts";
import { saslPrep } from "../../examples/postgres/sasl_prep.ts";
import { ScramClient } from "../../examples/postgres/scram.ts";

/** RFC 7677, 3: user "user", password "pencil". */
const RFC_7677 = {
  clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
  serverFirst:
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  clientFinal:
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

function rfcClient(password = "pencil"): ScramClient {
  return new ScramClient({
    user: "user",
    password,
    nonce: "rOprNGfwEbeRWgbNEkqO",
  });
}

function pureTest(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

pureTest("ScramClient performs the exchange of RFC 7677, 3", async () => {
  const client = rfcClient();
  assertEquals(client.first(), RFC_7677.clientFirst);
  assertEquals(
    await client.final(RFC_7677.serverFirst),
    RFC_7677.clientFinal,
  );
  await client.verify(RFC_7677.serverFinal);
});

pureTest(
  "ScramClient refuses a server that does not know the password",
  async () => {
    const client = rfcClient("crayon");
    await client.final(RFC_7677.serverFirst);
    await refuses(() => client.verify(RFC_7677.serverFinal), "has not proved");
  },
);

for (
  const [what, serverFinal] of Object.entries({
    "a signature with one bit wrong":
      "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8=",
    "a truncated signature": "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl9",
    "an empty signature": "v=",
    "no signature": "",
    "invalid base64": "v=6rriTRBi23",
    "another attribute": "x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    "trailing text": `${RFC_7677.serverFinal}=`,
  })
) {
  pureTest(`ScramClient.verify() refuses ${what}`, async () => {
    const client = rfcClient();
    await client.final(RFC_7677.serverFirst);
    await refuses(() => client.verify(serverFinal), "has not proved");
  });
}

pureTest(
  "ScramClient.verify() works once, and only after final()",
  async () => {
    const client = rfcClient();
    await refuses(() => client.verify(RFC_7677.serverFinal), "has not proved");
    await client.final(RFC_7677.serverFirst);
    await client.verify(RFC_7677.serverFinal);
    await refuses(() => client.verify(RFC_7677.serverFinal), "has not proved");
  },
);

pureTest("ScramClient.verify() reports the server's error", async () => {
  const client = rfcClient();
  await client.final(RFC_7677.serverFirst);
  await refuses(() => client.verify("e=other-error"), "other-error");
});

for (
  const [what, serverFirst, problem] of [
    ["nothing", "", "malformed"],
    ["no salt", "r=rOprNGfwEbeRWgbNEkqOx,i=4096", "malformed"],
    ["an empty salt", "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", "malformed"],
    ["a bad salt", "r=rOprNGfwEbeRWgbNEkqOx,s=a,i=4096", "malformed"],
    [
      "invalid iterations",
      "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4e9",
      "malformed",
    ],
    [
      "a mandatory extension",
      "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
      "malformed",
    ],
    ["another nonce", "r=rOprNGfwEbe,s=W22Z,i=4096", "another exchange"],
    [
      "only the client's nonce",
      "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",
      "another exchange",
    ],
    [
      "too few iterations",
      "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4095",
      "requests 4095",
    ],
    [
      "too many iterations",
      "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=999999999",
      "requests 999999999",
    ],
  ] as const // keeps the rows tuples
) {
  pureTest(`ScramClient refuses a challenge with ${what}`, async () => {
    await refuses(() => rfcClient().final(serverFirst), problem);
  });
}

pureTest(
  "ScramClient uses a new nonce for each exchange, and escapes the user",
  () => {
    const [first, second] = [1, 2].map(() =>
      new ScramClient({ user: "a=b,c", password: "" }).first()
    );
    assertEquals(/^n,,n=a=3Db=2Cc,r=[\w+/]{24}$/.test(first!), true, first);
    assertEquals(first === second, false);
  },
);

pureTest("saslPrep() maps the examples of RFC 4013, 3", () => {
  assertEquals(saslPrep("I\u00ADX"), "IX");
  assertEquals(saslPrep("user"), "user");
  assertEquals(saslPrep("USER"), "USER");
  assertEquals(saslPrep("\u00AA"), "a");
  assertEquals(saslPrep("\u2168"), "IX");
});

pureTest("saslPrep() returns a prohibited password unchanged", () => {
  assertEquals(saslPrep("\u0007"), "\u0007"); // ASCII is unchanged
  assertEquals(saslPrep("\u2168\u0085"), "\u2168\u0085");
  assertEquals(saslPrep("\u00AD"), "\u00AD"); // the result would be empty
  assertEquals(saslPrep("a\u00A0b\u3000c"), "a b c");
});

async function refuses(
  call: () => Promise<unknown>,
  problem: string,
): Promise<void> {
  await assertRejects(call, AuthenticationError, problem);
}
