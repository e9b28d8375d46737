// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import * as esbuild from "esbuild";
import { EFFECTS } from "../../../tools/build/effects.ts";
import { findReached } from "../../../tools/build/modules.ts";
import { ROOT } from "../../../tools/build/project.ts";

// What a file may call as it loads: these declare kernels of its own, or how one of two
// variants with the same bits is chosen.
const OF_ITS_OWN = /^(?:defineVariants|defineProbe|listKernels)\(/;

/** Finds statements that do something as a file loads, and imports for that alone. */
const plugin: Deno.lint.Plugin = {
  name: "effects",
  rules: {
    effects: {
      create(context): Deno.lint.LintVisitor {
        const report = (node: Deno.lint.Node) => {
          const message = context.sourceCode.getText(node);
          context.report({ node, message });
        };
        return {
          "Program > ExpressionStatement": report,
          "Program > :matches(ForOfStatement, ForStatement) ExpressionStatement":
            report,
          "Program > :matches(IfStatement, TryStatement, WhileStatement)":
            report,
          ImportDeclaration(node): void {
            if (node.specifiers.length === 0) report(node);
          },
        };
      },
    },
  },
};

/** The effects of a file as it loads. */
function effectsOf(file: string, text: string): string[] {
  return Deno.lint.runPlugin(plugin, file, text)
    .map(({ message }) => message)
    .filter((message) => !OF_ITS_OWN.test(message));
}

Deno.test("effects.ts lists the files that tell others something as they load", async () => {
  let files: readonly string[];
  try {
    ({ files } = await findReached());
  } finally {
    await esbuild.stop();
  }
  const effective: string[] = [];
  for (const file of files.filter((file) => !file.startsWith("cli/"))) {
    const effects = effectsOf(file, await Deno.readTextFile(`${ROOT}${file}`));
    // What is imported for its effect is what has one.
    if (effects.some((text) => !text.startsWith("import "))) {
      effective.push(file);
    }
    for (const text of effects) {
      const [, path] = /^import "(.*)"/.exec(text) ?? [];
      if (path) {
        effective.push(new URL(path, `file:///${file}`).pathname.slice(1));
      }
    }
  }
  // The main entry point does nothing but import auto_swag.ts.
  assertEquals(
    [...new Set([...effective, "mod.ts"])].sort(),
    [...EFFECTS].sort(),
  );
});

Deno.test("a call at the top of a file is an effect, unless it declares kernels", () => {
  assertEquals(effectsOf("a.ts", `register("x");`), [`register("x");`]);
  assertEquals(effectsOf("a.ts", `import "./b.ts";`), [`import "./b.ts";`]);
  const loop = `for (const x of [1]) { tell(x); }`;
  assertEquals(effectsOf("a.ts", loop), ["tell(x);"]);
  const own =
    `defineVariants("a", []);\nconst b = make();\nfunction f() { g(); }`;
  assertEquals(effectsOf("a.ts", own), []);
});
