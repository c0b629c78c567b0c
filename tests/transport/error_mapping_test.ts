import { failure, failureCode } from "../../lib/transport/error_mapping.ts";
import { TransportError } from "@lengthwise/lengthwise/transport";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";

const CONTEXT = { verb: "connect to", address: "tcp://127.0.0.1:1" };

Deno.test("failureCode() recognizes Deno's error classes", () => {
  const { errors } = Deno;
  assertEquals(failureCode(new errors.AddrInUse("x")), "address-in-use");
  assertEquals(
    failureCode(new errors.AddrNotAvailable("x")),
    "address-invalid",
  );
  assertEquals(failureCode(new errors.BadResource("x")), "closed");
  assertEquals(failureCode(new errors.BrokenPipe("x")), "reset");
  assertEquals(failureCode(new errors.ConnectionRefused("x")), "refused");
  assertEquals(failureCode(new errors.ConnectionReset("x")), "reset");
  assertEquals(failureCode(new errors.Interrupted("x")), "closed");
  assertEquals(failureCode(new errors.NetworkUnreachable("x")), "unreachable");
  assertEquals(failureCode(new errors.NotConnected("x")), "reset");
  assertEquals(failureCode(new errors.NotFound("x")), "not-found");
  assertEquals(failureCode(new errors.PermissionDenied("x")), "permission");
  assertEquals(failureCode(new errors.TimedOut("x")), "timeout");
  assertEquals(failureCode(new errors.UnexpectedEof("x")), "truncated");
  assertEquals(failureCode(new errors.WouldBlock("x")), "limit");
});

Deno.test("failureCode() prefers the code of an error", () => {
  const coded = (code: string) => Object.assign(new Error("x"), { code });
  assertEquals(failureCode(coded("EMFILE")), "limit");
  assertEquals(failureCode(coded("ENFILE")), "limit");
  assertEquals(failureCode(coded("EHOSTUNREACH")), "unreachable");
  assertEquals(failureCode(coded("EWHATEVER")), "other");
  const numbered = Object.assign(new Deno.errors.NotFound("x"), { code: 2 });
  assertEquals(failureCode(numbered), "not-found");
});

Deno.test("failureCode() returns 'other' for any other error", () => {
  assertEquals(failureCode(new Error("x")), "other");
  assertEquals(failureCode("a string"), "other");
  assertEquals(failureCode(undefined), "other");
});

Deno.test("failure() reports the operation, the address, the reason and the cause", () => {
  const cause = new Deno.errors.ConnectionRefused("os error 111");
  const error = failure(cause, CONTEXT);
  assertInstanceOf(error, TransportError);
  assertEquals(error.name, "TransportError");
  assertEquals(error.code, "refused");
  assertEquals(error.address, "tcp://127.0.0.1:1");
  assertStrictEquals(error.cause, cause);
  assertEquals(
    error.message,
    "Cannot connect to tcp://127.0.0.1:1: nothing is listening on the address (os error 111)",
  );
});

Deno.test("failure() returns a TransportError unchanged", () => {
  const error = new TransportError("x", { code: "tls", address: "" });
  assertStrictEquals(failure(error, CONTEXT), error);
  assertEquals(error.cause, undefined);
  assert(!("cause" in error), "an error without a cause gets no cause");
});

Deno.test("failure() keeps NotCapable and names the flags to grant", () => {
  const cause = new Deno.errors.NotCapable("Requires net access");
  const tcp = failure(cause, CONTEXT);
  assertInstanceOf(tcp, Deno.errors.NotCapable);
  assertStrictEquals(tcp.cause, cause);
  assertStringIncludes(tcp.message, "Requires net access");
  assertStringIncludes(tcp.message, "--allow-net=127.0.0.1:1");
  const unix = failure(cause, {
    verb: "listen on",
    address: "unix:/run/a%20b",
  });
  assertStringIncludes(
    unix.message,
    "--allow-net=unix:/run/a b --allow-read=/run/a b --allow-write=/run/a b",
  );
  const abstract = failure(cause, { verb: "listen on", address: "unix:@x" });
  assert(abstract.message.endsWith("--allow-net"));
  for (
    const [address, grant] of [
      ["ws://a.example:81/path?q", "a.example:81"],
      ["ws://a.example/path", "a.example:80"],
      ["wss://[::1]/", "[::1]:443"],
    ]
  ) {
    const web = failure(cause, { verb: "connect to", address: address ?? "" });
    assert(web.message.endsWith(`--allow-net=${grant}`), web.message);
  }
  assertStrictEquals(failure(tcp, CONTEXT), tcp, "says it once");
});
