/**
 * Logging in: from the start-up message to the first ReadyForQuery.
 *
 * ```text
 * StartupMessage ─▶ AuthenticationSASL ─▶ … Continue ─▶ … Final ─▶ AuthenticationOk
 *                              ParameterStatus …, BackendKeyData, ReadyForQuery ◀─┘
 * ```
 *
 * @module
 */
import type { Channel } from "./channel.ts";
import { AuthenticationError, PostgresError, ProtocolError } from "./errors.ts";
import { type Body, cString, message, sized } from "./messages.ts";
import { SCRAM_SHA_256, ScramClient } from "./scram.ts";

/** The first number of an authentication message, by what it asks for. */
const OK = 0;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;

/** What is not done: these give the password away, or half of it. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [3, "the password in the clear"],
  [5, "an MD5 hash of the password"],
]);

/**
 * Logs in, with SCRAM-SHA-256 and nothing weaker.
 *
 * @param channel one whose start-up message has been sent
 * @param password without it, only a server that asks for none will do; with
 * it, only one that proves to know it
 * @throws {PostgresError} if the server refuses: no such user or database
 * (28P01, 28000, 3D000), too many clients (53300), …
 * @throws {AuthenticationError} if the server asks for something else, or has
 * not proved that it knows the password
 * @throws {ProtocolError} if the server says what makes no sense here
 */
export async function logIn(
  channel: Channel,
  password: string | undefined,
): Promise<void> {
  let body = await expect(channel, "R");
  let code = body.int32();
  if (code === SASL) {
    await prove(channel, body, password);
    body = await expect(channel, "R");
    code = body.int32();
  } else if (code === OK && password !== undefined) {
    throw new AuthenticationError(
      "Cannot log in: the server let us in without proving that it knows the password: if that is right, give no password",
    );
  }
  if (code !== OK) {
    const wanted = REFUSED.get(code) ?? `authentication method ${code}`;
    throw new AuthenticationError(
      `Cannot log in: the server asks for ${wanted}: let it ask for ${SCRAM_SHA_256}`,
    );
  }
  await expect(channel, "Z", "K"); // K is BackendKeyData, for cancelling
}

/** The SCRAM dialogue. */
async function prove(
  channel: Channel,
  offer: Body,
  password: string | undefined,
): Promise<void> {
  const mechanisms = [];
  for (let name; (name = offer.cString()) !== "";) mechanisms.push(name);
  if (!mechanisms.includes(SCRAM_SHA_256)) {
    throw new AuthenticationError(
      `Cannot log in: the server offers ${mechanisms}, and not ${SCRAM_SHA_256}`,
    );
  }
  if (password === undefined) {
    throw new AuthenticationError(
      "Cannot log in: the server asks for a password, and none was given",
    );
  }
  const scram = new ScramClient({ password });
  const first = sized(scram.first());
  await channel.send(message("p", cString(SCRAM_SHA_256), first)); // SASLInitialResponse
  const challenge = await expectSasl(channel, SASL_CONTINUE);
  const final = new TextEncoder().encode(await scram.final(challenge));
  await channel.send(message("p", final)); // SASLResponse
  await scram.verify(await expectSasl(channel, SASL_FINAL));
}

async function expectSasl(channel: Channel, code: number): Promise<string> {
  const body = await expect(channel, "R");
  const got = body.int32();
  if (got === code) return body.text();
  throw new AuthenticationError(
    `Cannot log in: the server skipped a step of ${SCRAM_SHA_256}: wanted ${code}, got ${got}`,
  );
}

/** The next message of a type; those of type `passing` are let go. */
async function expect(
  channel: Channel,
  type: string,
  passing?: string,
): Promise<Body> {
  for (;;) {
    const body = await channel.receive();
    if (body?.type === type) return body;
    if (body?.type === passing && passing !== undefined) continue;
    if (body?.type === "E") throw new PostgresError(body.fields());
    throw new ProtocolError(
      body === undefined
        ? "Cannot log in: the server hung up"
        : `Cannot log in: wanted a message of type "${type}", got "${body.type}"`,
    );
  }
}
