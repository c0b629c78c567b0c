/**
 * Opens so many sessions or connections for each line of input, and holds them.
 * The arguments are the number of methods, or `bare`, and the port.
 *
 * @module
 */
import { connect } from "../../../mod.ts";
import { questions } from "../processes.ts";
import { withMethods } from "./idle_protocol.ts";

const [kind = "bare", text] = Deno.args;
const port = Number(text);
const { protocol } = withMethods(kind === "bare" ? 1 : Number(kind));
const held: unknown[] = [];
console.log("true");
for await (const count of questions()) {
  for (let at = 0; at < Number(count); at++) {
    held.push(
      kind === "bare"
        ? await Deno.connect({ port })
        : await connect(protocol, { port }),
    );
  }
  console.log(JSON.stringify(held.length));
}
