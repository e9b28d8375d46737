// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { linesOf } from "../../cli/text_lines.ts";
import { inFolder } from "../_folder.ts";

/** The lines of a file that holds some bytes. */
async function linesIn(
  bytes: Uint8Array,
  extension = "txt",
): Promise<string[]> {
  return await inFolder(async (folder) => {
    const path = `${folder}/file.${extension}`;
    await Deno.writeFile(path, bytes);
    return await Array.fromAsync(linesOf(path));
  });
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([utf8(text)]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return await new Response(stream).bytes();
}

Deno.test("linesOf() keeps every character, whatever the file's size", async () => {
  // Reads end within characters, and within lines.
  const unit = fc.constantFrom(..."ab é晴🚢\r\t\ufeff");
  const line = fc.string({ unit, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1 }), async (lines) => {
      const text = Array<string[]>(3000).fill(lines).flat().join("\r\n");
      const found = await linesIn(utf8(text));
      assertEquals(found.join(""), text.replace(/^\ufeff/, ""));
      assertEquals(
        found.every((one, i) => one.endsWith("\n") || i === found.length - 1),
        true,
      );
    }),
    { numRuns: 10 },
  );
});

Deno.test("linesOf() reads marks, UTF-16 and gzip data of several members", async () => {
  const text = "one\ntwo é 🎉\r\n\nfour";
  const lines = ["one\n", "two é 🎉\r\n", "\n", "four"];
  assertEquals(await linesIn(utf8(text)), lines);
  assertEquals(await linesIn(utf8(`\ufeff${text}`)), lines);
  // A mark in the middle is a character.
  assertEquals(await linesIn(utf8("a\n\ufeffb")), ["a\n", "\ufeffb"]);
  for (const littleEndian of [true, false]) {
    const view = new DataView(new ArrayBuffer(2 * text.length + 2));
    const marked = `\ufeff${text}`;
    for (let i = 0; i < marked.length; i++) {
      view.setUint16(2 * i, marked.charCodeAt(i), littleEndian);
    }
    assertEquals(await linesIn(new Uint8Array(view.buffer)), lines);
  }
  const members = [await gzip("one\ntwo"), await gzip(" é 🎉\r\n\nfour")];
  const packed = new Uint8Array(await new Blob(members as BlobPart[]).bytes());
  assertEquals(await linesIn(packed), lines);
  assertEquals(await linesIn(packed, "txt.gz"), lines);
  assertEquals(await linesIn(utf8("")), []);
  assertEquals(await linesIn(utf8("a")), ["a"]);
  assertEquals(await linesIn(utf8("\n")), ["\n"]);
});

Deno.test("linesOf() names the line of what is not a text", async () => {
  const many = "a line é\n".repeat(20_000);
  const broken = async (bytes: Uint8Array | string, message: string) =>
    await assertRejects(
      () => linesIn(typeof bytes === "string" ? utf8(bytes) : bytes),
      SyntaxError,
      message,
    );
  await broken(`${many}b\0`, "line 20001 has a NUL byte");
  const bytes = utf8(`${many}b\n`);
  bytes[bytes.length - 2] = 0xff;
  await broken(bytes, "not UTF-8 text, because of a byte in line 20001");
  const packed = await gzip(many);
  await broken(packed.subarray(0, packed.length - 9), "not complete gzip data");
  await assertRejects(
    () => linesIn(utf8("a text"), "txt.gz"),
    SyntaxError,
    "not complete gzip data",
  );
  await inFolder(async (folder) => {
    const read = (path: string) => Array.fromAsync(linesOf(path));
    await assertRejects(() => read(`${folder}/x`), Deno.errors.NotFound, "x:");
    await assertRejects(() => read(folder), Error, `Cannot read ${folder}`);
  });
});

Deno.test("linesOf() ends early when it shall, and when nobody goes on", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file.txt`;
    await Deno.writeTextFile(path, "a line\n".repeat(100_000));
    const controller = new AbortController();
    let count = 0;
    for await (const _ of linesOf(path, { signal: controller.signal })) {
      if (++count === 5) controller.abort();
    }
    // What has been read already is given.
    assertEquals(count < 100_000, true);
    for await (const line of linesOf(path)) {
      assertEquals(line, "a line\n");
      break; // The sanitizer of tests complains if the file stays open.
    }
  });
});
