import { assert, assertEquals, assertStringIncludes } from "@std/assert";

/** Modules of the declarations only: the main entry needs the workspace's imports. */
const DECLARATIONS = ["protocol", "method_builders", "method", "protocol_types"]
  .map((name) => {
    const url = import.meta.resolve(
      `../../../lib/messages/protocol/${name}.ts`,
    );
    return `export * from "${url}";\n`;
  }).join("");

/** Returns a package that publishes a protocol, with stated or inferred types. */
function published(type: string): string {
  return `/**
 * A shop.
 *
 * @module
 */
import * as messages from "@lengthwise/lengthwise";

/** Sides of the shop's protocol. */
export interface ShopSides {
  /** Methods that the server handles. */
  server: {
    /** The price of an article. */
    price: messages.Unary<{ sku: string }, { cents: number }>;
    /** Orders. */
    orders: {
      /** Places an order. */
      create: messages.Unary<{ sku: string }, string, { outOfStock: { left: number } }>;
    };
  };
  /** Methods that the client handles. */
  client: {
    /** Shows a text. */
    alert: messages.Notification<string>;
  };
}

/** The protocol of the shop. */
export const Shop${type} = messages.protocol<ShopSides>({
  name: "shop",
  server: { price: messages.unary(), orders: { create: messages.unary() } },
  client: { alert: messages.notification() },
});
`;
}

/** Runs Deno's own checks for JSR on a package with one module. */
async function checks(
  text: string,
  ...args: string[]
): Promise<{ success: boolean; output: string }> {
  const directory = await Deno.makeTempDir();
  try {
    const config = {
      name: "@example/shop",
      version: "1.0.0",
      license: "MIT",
      exports: "./shop.ts",
      imports: { "@lengthwise/lengthwise": "./declarations.ts" },
      compilerOptions: { exactOptionalPropertyTypes: true },
    };
    await Deno.writeTextFile(`${directory}/deno.json`, JSON.stringify(config));
    await Deno.writeTextFile(`${directory}/declarations.ts`, DECLARATIONS);
    await Deno.writeTextFile(`${directory}/shop.ts`, text);
    const command = new Deno.Command(Deno.execPath(), {
      args: [...args, "shop.ts"],
      cwd: directory,
      env: { NO_COLOR: "1" },
    });
    const { success, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("Protocol<Sides> makes a protocol publishable: typed, without slow types", async () => {
  const text = published(": messages.Protocol<ShopSides>");
  for (const args of [["check"], ["lint", "--rules-include=no-slow-types"]]) {
    const { success, output } = await checks(text, ...args);
    assert(success, output);
  }
});

Deno.test("Protocol<Sides> is needed to publish: an inferred protocol is a slow type", async () => {
  const { success, output } = await checks(
    published(""),
    "lint",
    "--rules-include=no-slow-types",
  );
  assertEquals(success, false);
  assertStringIncludes(output, "no-slow-types");
});
