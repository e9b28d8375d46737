// Copyright 2026 the swagpu authors. MIT license.

// Follows README's first model as a reader would: every command of the section, in an
// empty folder, with what it prints.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { inFolder, names } from "../_folder.ts";

const ROOT = new URL("../../", import.meta.url);
const HEADING = "## Your first model\n";

/** A block of commands, and what the README says that it prints. */
interface Block {
  script: string;
  printed: string | undefined;
}

/** The blocks of a section of the README. */
async function blocks(): Promise<Block[]> {
  const text = await Deno.readTextFile(new URL("README.md", ROOT));
  const begin = text.indexOf(HEADING);
  assert(begin >= 0, `no ${HEADING}`);
  const end = text.indexOf("\n## ", begin + HEADING.length);
  const found: Block[] = [];
  const fences = text.slice(begin, end)
    .matchAll(/^```(\w+)\n(.*?)^```$/gms);
  for (const [, language, content = ""] of fences) {
    const last = found.at(-1);
    if (language === "sh") found.push({ script: content, printed: undefined });
    else if (language === "text" && last) last.printed = content;
  }
  return found;
}

/**
 * What must be equal on every adapter: all but numbers with digits after the point, and
 * blanks, since the README breaks long lines.
 */
function plain(text: string): string {
  return text.replace(/\d+\.\d+(e-?\d+)?/g, "#").replace(/\s+/g, "");
}

/** Runs commands with bash, and returns what they print. */
async function run(
  script: string,
  { cwd, tools }: { cwd: string; tools: string },
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-euo", "pipefail", "-c", script],
    cwd,
    env: {
      DENO_INSTALL_ROOT: tools,
      PATH: `${tools}/bin:${Deno.env.get("PATH")}`,
      NO_COLOR: "1",
      SWAGPU: ROOT.pathname,
    },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}

Deno.test("README's first model is made by its commands", async () => {
  const [install, ...rest] = await blocks();
  assertMatch(install?.script ?? "", /^deno install .* -n swagpu /);
  assertEquals(rest.length, 5);
  await inFolder(async (tools) => {
    // The program that the commands call is the Deno that runs the tests.
    await Deno.mkdir(`${tools}/bin`);
    await Deno.symlink(Deno.execPath(), `${tools}/bin/deno`);
    await run(install?.script ?? "", { cwd: ROOT.pathname, tools });
    await inFolder(async (folder) => {
      for (const { script, printed } of rest) {
        const out = await run(script, { cwd: folder, tools });
        assertEquals(plain(out), plain(printed ?? ""), out);
      }
      const written = names(`${folder}/model`);
      assert(written.includes("swag.safetensors"), written.join());
      const report = await Deno.readTextFile(`${folder}/model/report.html`);
      assertMatch(report, /<svg/);
    });
  });
});
