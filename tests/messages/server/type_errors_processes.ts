/**
 * Mistakes that the compiler reports with a sentence that says what to write.
 *
 * @module
 */
import { assert } from "@std/assert";

const MOD = new URL("../../../mod.ts", import.meta.url).href;

const PROGRAM = `
import { createServer, type Middleware, notification, protocol, typed, unary, use } from "${MOD}";
const P = protocol({ name: "p", server: {
  plain: unary<string, string>(),
  declares: unary<string, string, { soldOut: { left: number }; closed: void }>(),
  group: { ping: unary() },
} });
const good = { plain: () => "", declares: () => "", group: { ping() {} } };
type User = { name: string };
`;

/** Each mistake, and the part of the compiler's message that helps. */
const MISTAKES: readonly (readonly [program: string, part: string])[] = [
  [
    "unary(typed<string>());",
    `is not assignable to type '"name the place of the schema: { input: schema }"'`,
  ],
  [
    "notification(typed<string>());",
    `is not assignable to type '"name the place of the schema: { input: schema }"'`,
  ],
  [
    'createServer(P).handle({ ...good, plain(_, c) { throw c.error("soldOut"); } });',
    `is not assignable to parameter of type '"the method declares no errors: add them to its declaration, or throw context.refuse()"'`,
  ],
  [
    'createServer(P).handle({ ...good, declares(_, c) { throw c.error("sold"); } });',
    `Argument of type '"sold"' is not assignable to parameter of type`,
  ],
  [
    "createServer(P).handle({ ...good, group: { ping() {}, pong() {} } });",
    "'pong' does not exist in type",
  ],
  [
    "createServer(P).handle({ ...good, groups: { ping() {} } });",
    "'groups' does not exist in type",
  ],
  [
    "createServer(P, { middleware: [] });",
    "'middleware' does not exist in type 'ServerOptions",
  ],
  [
    "createServer(P).handle({ ...good, plain: use((_c, next) => { next(); }, (text) => text) });",
    "Type 'void' is not assignable to type 'MiddlewareResult<object> | Promise<MiddlewareResult<object>>'",
  ],
  [
    "const _m: Middleware<{ user: string }> = (_c, next) => next();",
    "Property 'user' is missing in type 'Record<never, never>' but required in type '{ user: string; }'",
  ],
  [
    "createServer(P, { authenticate: (): User => ({ name: '' }) }).handle({ ...good, plain: (_, c) => c.session.auth.nmae });",
    "Property 'nmae' does not exist on type 'User'",
  ],
];

Deno.test("the compiler explains mistakes", async () => {
  const dir = await Deno.makeTempDir();
  try {
    for (const [index, [program]] of MISTAKES.entries()) {
      await Deno.writeTextFile(`${dir}/${index}.ts`, PROGRAM + program);
    }
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--frozen", `--config=deno.json`, dir],
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stderr);
    assert(code !== 0, text);
    const reports = text.split(/\n\n(?=TS\d+ \[ERROR\])/);
    for (const [index, [program, part]] of MISTAKES.entries()) {
      const own = reports.filter((each) => each.includes(`/${index}.ts:`));
      assert(
        own.some((each) => each.includes(part)),
        `${program}\nexpected: ${part}\nbut got: ${own.join("\n")}`,
      );
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
