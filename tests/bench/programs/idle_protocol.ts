/**
 * A protocol with a number of methods.
 *
 * @module
 */
import { protocol, unary } from "../../../mod.ts";

/** Declares so many methods, with the same name for equal numbers. */
export function withMethods(count: number) {
  const names = Array.from({ length: count }, (_, at) => `method${at}`);
  return {
    protocol: protocol({
      name: "idle",
      server: Object.fromEntries(
        names.map((name) => [name, unary<string, string>()]),
      ),
    }),
    handlers: Object.fromEntries(names.map((name) => [name, same])),
  };
}

function same(text: string): string {
  return text;
}
