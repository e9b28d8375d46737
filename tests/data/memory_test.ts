// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { inFolder } from "../_folder.ts";

const DOOR = new URL("../../data/mod.ts", import.meta.url).href;

/** The most memory of V8 in this test, in megabytes. */
const HEAP = 16;
const ROWS = 90_000;
const TEXT = "the quick brown fox jumps over the lazy dog ".repeat(8);

/** Writes a file in pieces, without ever holding all of it. */
async function write(
  path: string,
  { start, row, end }: {
    start: string;
    row: (i: number) => string;
    end: string;
  },
): Promise<void> {
  const file = await Deno.open(path, { write: true, createNew: true });
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  await writer.write(encoder.encode(start));
  for (let from = 0; from < ROWS; from += 5000) {
    const rows = Array.from({ length: 5000 }, (_, i) => row(from + i));
    await writer.write(encoder.encode(rows.join("")));
  }
  await writer.write(encoder.encode(end));
  await writer.close();
}

/** Reads a file in a process whose heap is smaller than the file. */
async function read(path: string, body: string): Promise<string> {
  const script = `import { readRows, readTable } from "${DOOR}";
const path = ${JSON.stringify(path)};
${body}`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", `--v8-flags=--max-old-space-size=${HEAP}`, script],
    cwd: new URL("../..", import.meta.url),
  }).output();
  return code === 0
    ? new TextDecoder().decode(stdout).trim()
    : `failed: ${new TextDecoder().decode(stderr)}`;
}

Deno.test("files larger than memory are read row by row", async () => {
  await inFolder(async (folder) => {
    const json = (i: number) => `{"id":${i},"text":"${TEXT}"}`;
    const files = {
      "a.csv": {
        start: "id,text\n",
        row: (i: number) => `${i},"${TEXT}, ""so"" "\r\n`,
        end: "",
      },
      "a.jsonl": { start: "", row: (i: number) => `${json(i)}\n`, end: "" },
      "a.json": {
        start: "[\n",
        row: (i: number) => `${i > 0 ? ",\n" : ""}${json(i)}`,
        end: "\n]\n",
      },
    };
    for (const [name, parts] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      await write(path, parts);
      assert((await Deno.stat(path)).size > 1.9 * HEAP * 1e6);
      const streamed = await read(
        path,
        `let rows = 0, ids = 0;
for await (const { cells } of readRows(path)) { rows++; ids += Number(cells.id); }
console.log(rows, ids);`,
      );
      assertEquals(streamed, `${ROWS} ${ROWS * (ROWS - 1) / 2}`, name);
      if (name === "a.csv") { // The heap is indeed too small for all rows.
        const whole = await read(path, "console.log(await readTable(path));");
        assertMatch(whole, /^failed: [^]*out of memory/);
      }
      await Deno.remove(path);
    }
  });
});
