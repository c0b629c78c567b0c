#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A custom codec: bodies are plain text with one `key=value` pair per line. Both
 * ends must use the same codec; the handshake checks this.
 *
 * @module
 */
import {
  CodecError,
  connect,
  type MessageCodec,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";

type Pairs = Record<string, string>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

const keyValue: MessageCodec = {
  name: "key-value",
  encode(value) {
    if (typeof value !== "object" || value === null) {
      throw new CodecError(
        `Cannot encode ${typeof value}: a body is an object of strings`,
        { code: "unsupported" },
      );
    }
    const lines = Object.entries(value).map(([key, text]) => {
      if (typeof text === "string" && !/[=\n]/.test(key + text)) {
        return `${key}=${text}`;
      }
      throw new CodecError(
        `Cannot encode "${key}": it must be text without "=" or line breaks`,
        { code: "unsupported" },
      );
    });
    return encoder.encode(lines.join("\n"));
  },
  encodeInto(value, target, offset) {
    const body = this.encode(value);
    if (body.length > target.length - offset) return body;
    target.set(body, offset);
    return offset + body.length;
  },
  decode(body) {
    const pairs: Pairs = Object.create(null);
    for (const line of decoder.decode(body).split("\n")) {
      const [key = "", value] = line.split("=");
      if (value === undefined) {
        throw new CodecError(`Cannot decode "${line}": it has no "="`, {
          code: "malformed",
        });
      }
      pairs[key] = value;
    }
    return pairs;
  },
};

const Registry = protocol({
  name: "registry",
  server: { greet: unary<Pairs, Pairs>() },
});
const codecs = [keyValue] as const; // a tuple, because at least one codec is required

await using server = await serve(
  Registry,
  { port: 0 },
  { codecs },
).handle({
  greet: ({ name = "world" }) => ({ greeting: `Hello, ${name}` }),
});
await using session = await connect(Registry, server.addr, { codecs });
const { greeting } = await session.remote.greet({ name: "Ada" });
console.log(greeting);

try {
  await connect(Registry, server.addr); // offers msgpack
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
