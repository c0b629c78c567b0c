/** Runs each conversation of the vectors with the session at each end. */
import { assert, assertEquals } from "@std/assert";
import * as made from "../../vectors/make_messages.ts";
import type {
  Conversation,
  Side,
  Step,
} from "../../vectors/conversations/script.ts";
import { Subject } from "./wire_subject.ts";
import {
  bytesOf,
  comparable,
  CONVERSATIONS,
  type FrameStep,
  TEXT,
} from "./wire_vectors.ts";

const PURE = { permissions: "none" } as const;

/** Runs a conversation between the library and the script. */
function run(conversation: Conversation, side: Side): void {
  const subject = new Subject(side, conversation);
  const steps = conversation.steps.filter((step) => !isOfLater(step, side));
  steps.forEach((step, index) => {
    if (isOwn(step, side)) return expectFrame(subject, step, index);
    if ("sees" in step) {
      if (step.at === side) expectSeen(subject, step, index);
      return;
    }
    expectNothingEarly(subject, steps, { side, index });
    if ("advance" in step) subject.advance(step.advance);
    else if ("do" in step) {
      if (step.at === side) subject.do(step.do, step.with);
    } else if ("cut" in step) subject.cut();
    else if (isFrame(step)) {
      if (step.lost !== true) subject.receive(bytesOf(step.bytes));
    } else if (step.from !== side) subject.inputEnded();
  });
  assertEquals(subject.sent.map(comparable), [], "frames are left");
  assertEquals(subject.seen, [], "events are left");
}

function isFrame(step: Step): step is FrameStep {
  return "bytes" in step;
}

function isOwn(step: Step, side: Side): step is FrameStep {
  return isFrame(step) && step.from === side;
}

/** Whether only a later version sends the frame. */
function isOfLater(step: Step, side: Side): boolean {
  return isOwn(step, side) && step.later === true;
}

function expectFrame(subject: Subject, step: FrameStep, index: number): void {
  const sent = subject.sent.shift();
  const where = `step ${index}: ${step.about}`;
  assert(sent !== undefined, `${where}: nothing was sent`);
  assertEquals(comparable(sent), comparable(bytesOf(step.bytes)), where);
}

function expectSeen(
  subject: Subject,
  step: Extract<Step, { sees: string }>,
  index: number,
): void {
  // Texts are not compared; only failures that were sent have one in the vector.
  const { text: _, ...details } = step.with;
  assertEquals(
    subject.seen.shift(),
    { sees: step.sees, with: details },
    `step ${index}`,
  );
}

/** Checks that no frame was sent before its step, unless the vector allows it. */
function expectNothingEarly(
  subject: Subject,
  steps: readonly Step[],
  { side, index }: { side: Side; index: number },
): void {
  const due = steps.slice(index).filter((step) => isOwn(step, side));
  const ahead = due.slice(0, subject.sent.length);
  if (ahead.length === subject.sent.length && ahead.every(isCrossing)) return;
  assertEquals(
    subject.sent.map(comparable),
    [],
    `step ${index}: frames were sent too early`,
  );
}

function isCrossing(step: Step): boolean {
  return "crosses" in step;
}

Deno.test(
  "messages.json is the text that make_messages.ts prints",
  PURE,
  () => {
    assert(TEXT === made.messagesText(), "run `deno task vectors`");
  },
);

Deno.test(
  "messages.json contains every step of every conversation",
  PURE,
  () => {
    assertEquals(
      CONVERSATIONS.map(({ name }) => name),
      made.CONVERSATIONS.map(({ name }) => name),
    );
    for (const [index, conversation] of CONVERSATIONS.entries()) {
      assertEquals(conversation, made.CONVERSATIONS[index]);
    }
  },
);

Deno.test(
  "messages.json has unique conversation names and a subject for each",
  PURE,
  () => {
    assertEquals(
      new Set(CONVERSATIONS.map(({ name }) => name)).size,
      CONVERSATIONS.length,
    );
    assert(CONVERSATIONS.every(({ subjects }) => subjects.length > 0));
  },
);

Deno.test(
  "messages.json has at least 80 conversations for both ends",
  PURE,
  () => {
    const both = CONVERSATIONS.filter(({ subjects }) =>
      subjects.includes("client") && subjects.includes("server")
    );
    assert(both.length >= 80, `only ${both.length} have two subjects`);
  },
);

for (const conversation of CONVERSATIONS) {
  for (const side of conversation.subjects) {
    Deno.test(`${side}: ${conversation.name}`, PURE, () => {
      run(conversation, side);
    });
  }
}
