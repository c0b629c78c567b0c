import { assertEquals, assertThrows } from "@std/assert";
import { TraceCarrier } from "../../../lib/messages/observe/trace_carrier.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

const ids = { traceId: "0a".repeat(16), parentId: "0b".repeat(8), flags: 1 };
const traceparent = `00-${ids.traceId}-${ids.parentId}-01`;

Deno.test("TraceCarrier encodes ids and text alike", pure, () => {
  const byIds = new TraceCarrier();
  byIds.setIds(ids);
  byIds.tracestate = "a=b";
  const byText = new TraceCarrier();
  Object.assign(byText, { traceparent, tracestate: "a=b" });
  assertEquals(byIds.encoded(), byText.encoded());
  assertEquals(byIds.encoded().length, 3 + 26 + 3);
});

Deno.test("TraceCarrier shows later observers what is set", pure, () => {
  const carrier = new TraceCarrier();
  assertEquals([carrier.traceparent, carrier.encoded().length], ["", 0]);
  carrier.setIds({ ...ids, flags: 5 });
  assertEquals(carrier.traceparent, `${traceparent.slice(0, -2)}05`);
  carrier.traceparent = traceparent; // a later observer takes precedence
  assertEquals(carrier.encoded().at(-1), 1);
  carrier.traceparent = "wrong";
  assertThrows(() => carrier.encoded(), TypeError, "Cannot send");
});
