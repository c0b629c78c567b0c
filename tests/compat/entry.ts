/**
 * The names of the library that the compatibility tests use. `bundle.ts` copies
 * this file into an earlier version and bundles it there.
 *
 * @module
 */
export {
  CallError,
  clientStream,
  connect,
  createClient,
  createServer,
  duplex,
  notification,
  protocol,
  serve,
  serverStream,
  SessionError,
  unary,
} from "../../mod.ts";
