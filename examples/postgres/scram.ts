/**
 * The client's part of SCRAM-SHA-256 (RFC 5802, RFC 7677). It proves, without
 * revealing the password, that the client knows it, and checks that the server
 * knows it too.
 *
 * ```text
 * client                                                    server
 *    n,,n=<user>,r=<client nonce> ──────────────────────────▶
 *    ◀──── r=<client nonce><server nonce>,s=<salt>,i=<iterations>
 *    c=biws,r=<both nonces>,p=<proof> ──────────────────────▶
 *    ◀────────────────────────────────── v=<server signature>
 * ```
 *
 * @module
 */
import { AuthenticationError } from "./errors.ts";
import { saslPrep } from "./sasl_prep.ts";

/** Name of the mechanism (IANA, SASL Mechanisms). */
export const SCRAM_SHA_256 = "SCRAM-SHA-256";

/**
 * Minimum number of iterations; fewer would make guessing easier (RFC 7677, 4).
 */
const LEAST_ITERATIONS = 4096;
/**
 * Maximum number of iterations; limits the computation to seconds, not hours.
 */
const MOST_ITERATIONS = 1_000_000;

/** "No channel binding, no other identity", in plain text and in base64. */
const GS2_HEADER = "n,,";
const BOUND_HEADER = "biws";

const SERVER_FIRST =
  /^r=([\x21-\x2B\x2D-\x7E]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d{0,8})(?:,.*)?$/;

type Bytes = Uint8Array<ArrayBuffer>;

/** Options for {@linkcode ScramClient}. */
export interface ScramOptions {
  /** User name; empty for PostgreSQL, which takes it from the start-up message. */
  user?: string;
  /** Password as the user entered it. */
  password: string;
  /**
   * Random text that makes this exchange unique.
   *
   * @default {18 random bytes in base64}
   */
  nonce?: string;
}

/** One exchange: call `first`, `final` and `verify`, in this order. */
export class ScramClient {
  readonly #password: string;
  readonly #nonce: string;
  readonly #firstBare: string;
  #expected: { serverKey: CryptoKey; authMessage: Bytes } | undefined;

  constructor({ user = "", password, nonce = randomNonce() }: ScramOptions) {
    this.#password = saslPrep(password);
    this.#nonce = nonce;
    const name = user.replaceAll("=", "=3D").replaceAll(",", "=2C");
    this.#firstBare = `n=${name},r=${nonce}`;
  }

  /** Returns the client's first message. */
  first(): string {
    return GS2_HEADER + this.#firstBare;
  }

  /**
   * Returns the client's proof.
   *
   * @throws {AuthenticationError} if the server's message is malformed, belongs to
   * another exchange, or requests too few or too many iterations
   */
  async final(serverFirst: string): Promise<string> {
    const { nonce, salt, iterations } = this.#challenge(serverFirst);
    const withoutProof = `c=${BOUND_HEADER},r=${nonce}`;
    const authMessage = utf8(
      `${this.#firstBare},${serverFirst},${withoutProof}`,
    );
    const salted = await pbkdf2(this.#password, salt, iterations);
    const clientKey = await hmac(await hmacKey(salted), utf8("Client Key"));
    const storedKey = await crypto.subtle.digest("SHA-256", clientKey);
    const signature = await hmac(
      await hmacKey(new Uint8Array(storedKey)),
      authMessage,
    );
    const serverKey = await hmac(await hmacKey(salted), utf8("Server Key"));
    this.#expected = { serverKey: await hmacKey(serverKey), authMessage };
    return `${withoutProof},p=${xor(clientKey, signature).toBase64()}`;
  }

  /**
   * Checks that the server knows the password too.
   *
   * @throws {AuthenticationError} if the server has not proved this
   */
  async verify(serverFinal: string): Promise<void> {
    const [, error] = /^e=([^,]*)/.exec(serverFinal) ?? [];
    if (error !== undefined) {
      throw new AuthenticationError(
        `Cannot log in: the server reports ${error}`,
      );
    }
    const [, base64] = /^v=([A-Za-z0-9+/]+={0,2})(?:,|$)/.exec(serverFinal) ??
      [];
    const signature = base64 === undefined ? undefined : fromBase64(base64);
    const expected = this.#expected;
    this.#expected = undefined; // valid for one reply
    if (
      signature === undefined || expected === undefined ||
      // Takes the same time wherever the two signatures differ.
      !await crypto.subtle.verify(
        "HMAC",
        expected.serverKey,
        signature,
        expected.authMessage,
      )
    ) {
      throw new AuthenticationError(
        "Cannot log in: the server has not proved that it knows the password; it may be an impostor",
      );
    }
  }

  #challenge(serverFirst: string) {
    const [, nonce = "", base64 = "", count] = SERVER_FIRST.exec(serverFirst) ??
      [];
    const salt = fromBase64(base64);
    if (count === undefined || salt === undefined) {
      throw new AuthenticationError(
        "Cannot log in: the server's challenge is malformed",
      );
    }
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) {
      throw new AuthenticationError(
        "Cannot log in: the server's challenge belongs to another exchange",
      );
    }
    const iterations = Number(count);
    if (iterations < LEAST_ITERATIONS || iterations > MOST_ITERATIONS) {
      throw new AuthenticationError(
        `Cannot log in: the server requests ${iterations} iterations; expected ${LEAST_ITERATIONS} to ${MOST_ITERATIONS}`,
      );
    }
    return { nonce, salt, iterations };
  }
}

function randomNonce(): string {
  return crypto.getRandomValues(new Uint8Array(18)).toBase64();
}

function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

function fromBase64(text: string): Bytes | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}

async function pbkdf2(
  password: string,
  salt: Bytes,
  iterations: number,
): Promise<Bytes> {
  const key = await crypto.subtle.importKey(
    "raw",
    utf8(password),
    "PBKDF2",
    false,
    ["deriveBits"],
  );
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 256));
}

function hmacKey(bytes: Bytes): Promise<CryptoKey> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", bytes, algorithm, false, [
    "sign",
    "verify",
  ]);
}

async function hmac(key: CryptoKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
}

function xor(a: Bytes, b: Bytes): Bytes {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}
