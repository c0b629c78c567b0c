import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  buildTree,
  lazyTree,
} from "../../../lib/messages/protocol/method_tree.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "lazyTree() has the members of buildTree(), each created when read",
  none,
  () => {
    const methods = ["a", "group.b", "group.inner.c"].map((name) => ({ name }));
    const made: string[] = [];
    const leaf = ({ name }: { name: string }, index: number) => {
      made.push(name);
      return () => index;
    };
    // deno-lint-ignore no-explicit-any -- the tree's type is that of the caller
    const tree = lazyTree(methods, leaf) as any;
    assertEquals(made, []);
    assertEquals(tree.group.inner.c(), 2);
    assertEquals(tree.group.inner.c(), 2);
    assertEquals(made, ["group.inner.c"]);
    const eager = buildTree(methods, () => () => {});
    for (
      const [lazy, built] of [[tree, eager], [
        tree.group,
        Reflect.get(eager, "group"),
      ]]
    ) {
      assertEquals(Object.keys(lazy), Object.keys(built));
      assertEquals(Reflect.ownKeys(lazy), Reflect.ownKeys(built));
      assertEquals(Object.getPrototypeOf(lazy), null);
    }
    assert(
      !("then" in tree) && tree.then === undefined && !("toString" in tree),
    );
    assert("a" in tree && "inner" in tree.group);
  },
);

Deno.test(
  "lazyTree() is read-only, and trees of one list are apart",
  none,
  () => {
    const methods = [{ name: "a" }, { name: "group.b" }];
    // deno-lint-ignore no-explicit-any -- as above
    const [one, other] = [1, 2].map((n) => lazyTree(methods, () => n) as any);
    assertEquals([one.a, other.a, one.group.b, other.group.b], [1, 2, 1, 2]);
    for (
      const change of [
        () => one.a = 3,
        () => one.b = 3,
        () => delete one.a,
        () => Object.defineProperty(one, "c", { value: 1 }),
        () => Object.setPrototypeOf(one.group, {}),
        () => Object.freeze(one),
      ]
    ) assertThrows(change, TypeError);
    assertEquals(one.a, 1);
  },
);
