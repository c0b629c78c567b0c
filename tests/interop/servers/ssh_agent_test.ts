/**
 * The preset `sshAgent` with the agent of OpenSSH (Debian package
 * `openssh-client`), over a Unix socket.
 *
 * @module
 */
import { frames } from "@lengthwise/lengthwise/framing";
import { sshAgent } from "@lengthwise/lengthwise/framing/presets";
import { connect } from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";
import {
  findProgram,
  startServer,
  succeed,
  temporaryFolder,
} from "./programs.ts";

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const FAILURE = 5;

Deno.test("sshAgent() lists identities and signs with OpenSSH's agent", async () => {
  const program = findProgram("ssh-agent", "openssh-client");
  const keygen = findProgram("ssh-keygen", "openssh-client");
  const add = findProgram("ssh-add", "openssh-client");
  await using folder = await temporaryFolder(undefined);
  const path = `${folder.path}/agent`;
  const key = `${folder.path}/key`;
  await succeed(keygen, [
    "-q",
    "-t",
    "ed25519",
    "-N",
    "",
    "-C",
    "me",
    "-f",
    key,
  ]);
  await using _agent = await startServer({
    user: undefined,
    command: () => {
      const shell = findProgram("sh", "dash");
      const script =
        `"$0" -D -a "$1" & until [ -S "$1" ]; do sleep 0.05; done; echo ready >&2; trap 'kill $!' TERM; wait`;
      return [shell, "-c", script, program, path];
    },
    ready: /ready/,
    stopSignal: "SIGTERM",
  });
  const env = findProgram("env", "coreutils");
  await succeed(env, [`SSH_AUTH_SOCK=${path}`, add, "-q", key]);

  await using stream = frames(await connect({ path }), sshAgent());
  const replies = stream[Symbol.asyncIterator]();
  const ask = async (request: Uint8Array): Promise<Uint8Array> => {
    await stream.send(request);
    const { done, value } = await replies.next();
    if (done) throw new Error("The agent closed the connection");
    return value;
  };

  const identities = await ask(Uint8Array.of(REQUEST_IDENTITIES));
  assertEquals([...identities.subarray(0, 5)], [IDENTITIES_ANSWER, 0, 0, 0, 1]);
  const [blob = new Uint8Array(), comment] = strings(identities.subarray(5));
  assertEquals(new TextDecoder().decode(comment), "me");

  const data = crypto.getRandomValues(new Uint8Array(65_536));
  const request = [string(blob), string(data), new Uint8Array(4)];
  const response = await ask(join([Uint8Array.of(SIGN_REQUEST), ...request]));
  assertEquals(response[0], SIGN_RESPONSE);
  const [signed = new Uint8Array()] = strings(response.subarray(1));
  const [method, signature = new Uint8Array()] = strings(signed);
  assertEquals(new TextDecoder().decode(method), "ssh-ed25519");
  const [, raw = new Uint8Array()] = strings(blob);
  const publicKey = await crypto.subtle.importKey(
    "raw",
    raw.slice(),
    "Ed25519",
    false,
    ["verify"],
  );
  const isValid = await crypto.subtle.verify(
    "Ed25519",
    publicKey,
    signature.slice(),
    data,
  );
  assertEquals(isValid, true);
  assertEquals([...await ask(Uint8Array.of(99))], [FAILURE]);
});

/** Returns a string of the protocol: a length in four bytes, and bytes. */
function string(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return join([length, bytes]);
}

/** Splits a sequence of strings. */
function strings(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + 4;
    at = start + view.getUint32(at);
    found.push(bytes.subarray(start, at));
  }
  return found;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
