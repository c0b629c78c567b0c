/** Callbacks that `receive()` accepts and rejects, by type. */
import type { FrameStream } from "@lengthwise/lengthwise/framing";

Deno.test(
  "receive() accepts synchronous callbacks and rejects asynchronous ones",
  {
    permissions: "none",
  },
  () => {
    const kept: Uint8Array[] = [];
    const lengths = new Set<number>();
    const either = (frame: Uint8Array): void | Promise<void> => {
      if (frame.length > 0) return Promise.resolve();
    };
    // Only the compiler looks at these calls.
    const _unused = (stream: FrameStream): void => {
      stream.receive((frame) => stream.write(frame));
      stream.receive((frame) => kept.push(frame.slice()), () => {});
      stream.receive((frame) => lengths.add(frame.length));
      stream.receive((frame) => frame.length > 0 && frame[0] === 1);
      // @ts-expect-error -- its frame would be overwritten
      stream.receive(async (frame) => void (await stream.send(frame)));
      // @ts-expect-error -- nothing would await the promise
      stream.receive((frame) => stream.send(frame));
      // @ts-expect-error -- it may be asynchronous
      stream.receive(either);
      // @ts-expect-error -- the next turn would not wait for it
      stream.receive(() => {}, async () => await stream.flush());
    };
  },
);
