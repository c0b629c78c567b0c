#!/usr/bin/env -S deno run
/**
 * The messages layer on its own: two parts of one program communicate as if they
 * were two programs. It needs no socket and no permission.
 *
 * @module
 */
import {
  connect,
  createServer,
  duplex,
  protocol,
} from "@lengthwise/lengthwise";
import { memoryPair } from "@lengthwise/lengthwise/testing";

const Translator = protocol({
  name: "translator",
  server: { shout: duplex<string, string>() },
});

const server = createServer(Translator).handle({
  async *shout(words) {
    for await (const word of words) yield `${word.toUpperCase()}!`;
  },
});
const [near, far] = memoryPair();
server.accept(far);

{
  await using session = await connect(Translator, near);
  for await (const word of session.remote.shout(["mind", "the", "step"])) {
    console.log(word);
  }
}
await server.shutdown();
