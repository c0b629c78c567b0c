/** A protocol of both ends, for calls between runtimes. */
import {
  clientStream,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";

export const Texts = protocol({
  name: "texts",
  server: {
    upper: unary<string, string>(),
    count: serverStream<number, number>(),
    sum: clientStream<number, number>(),
    askBack: unary<string, string>(),
  },
  client: {
    reverse: unary<string, string>(),
  },
});
