/**
 * Logs in: from the start-up message to the first ReadyForQuery.
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

/** Kinds of authentication messages, identified by their first number. */
const OK = 0;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;

/** Refused authentication methods, which send the password or a weak hash. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [3, "the password in plain text"],
  [5, "an MD5 hash of the password"],
]);

/**
 * Logs in with SCRAM-SHA-256, and with no weaker method.
 *
 * @param channel a channel whose start-up message has been sent
 * @param password if omitted, the server must not request one; otherwise the
 * server must prove that it knows the password
 * @throws {PostgresError} if the server refuses the login: no such user or
 * database (28P01, 28000, 3D000), too many clients (53300), …
 * @throws {AuthenticationError} if the server requests another method, or does
 * not prove that it knows the password
 * @throws {ProtocolError} if the server sends an unexpected message
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
      "Cannot log in: the server did not prove that it knows the password; if it needs none, omit the password",
    );
  }
  if (code !== OK) {
    const requested = REFUSED.get(code) ?? `authentication method ${code}`;
    throw new AuthenticationError(
      `Cannot log in: the server requests ${requested}; configure it to use ${SCRAM_SHA_256}`,
    );
  }
  await expect(channel, "Z", "K"); // K is BackendKeyData, for cancelling queries
}

/** Runs the SCRAM exchange, in which both ends prove their identity. */
async function prove(
  channel: Channel,
  offer: Body,
  password: string | undefined,
): Promise<void> {
  const mechanisms = [];
  for (let name; (name = offer.cString()) !== "";) mechanisms.push(name);
  if (!mechanisms.includes(SCRAM_SHA_256)) {
    throw new AuthenticationError(
      `Cannot log in: the server offers ${mechanisms}; expected ${SCRAM_SHA_256}`,
    );
  }
  if (password === undefined) {
    throw new AuthenticationError(
      "Cannot log in: the server requests a password, but none was set",
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
    `Cannot log in: the server skipped a step of ${SCRAM_SHA_256}: expected ${code}, received ${got}`,
  );
}

/** Returns the next message of a type, after skipping type `skipped`. */
async function expect(
  channel: Channel,
  type: string,
  skipped?: string,
): Promise<Body> {
  for (;;) {
    const body = await channel.receive();
    if (body?.type === type) return body;
    if (body?.type === skipped && skipped !== undefined) continue;
    if (body?.type === "E") throw new PostgresError(body.fields());
    throw new ProtocolError(
      body === undefined
        ? "Cannot log in: the server closed the connection"
        : `Cannot log in: expected a message of type "${type}", received "${body.type}"`,
    );
  }
}
