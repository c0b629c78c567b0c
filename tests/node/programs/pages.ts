/** The protocol of the programs in this folder. */
import { protocol, serverStream, unary } from "@lengthwise/lengthwise";

export const Pages = protocol({
  name: "pages",
  server: {
    upper: unary<string, string>(),
    /** Calls `fail` at the client; returns the code of its error. */
    failAtClient: unary<void, string>(),
    count: serverStream<number, number>(),
  },
  client: { fail: unary<void, void>() },
});
