// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  readExamples,
  readRows,
  type ReadRowsOptions,
  tokenExamples,
} from "../../data/mod.ts";
import { conllRows } from "../../data/conll.ts";
import { blocksOf, file } from "./_blocks.ts";

/** The cells of a CoNLL file. */
async function cells(
  text: string,
  options: ReadRowsOptions = {},
): Promise<unknown[]> {
  const rows = readRows(file("a.conll", text), options);
  return (await Array.fromAsync(rows)).map((row) => row.cells);
}

Deno.test("sentences are read as they were written, in blocks of any length", async () => {
  const word = fc.string({ unit: fc.constantFrom(..."a#ü -"), minLength: 1 })
    .filter((text) => text.trim() !== "");
  const token = fc.tuple(word, fc.constantFrom("O", "B-x", "I-x"));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(token, { minLength: 1 })),
      fc.constantFrom("\n", "\r\n", "\r"),
      fc.integer({ min: 1, max: 9 }),
      async (sentences, end, length) => {
        const text = sentences.map((tokens) =>
          tokens.map((cells) => cells.join("\t") + end).join("")
        ).join(end);
        const rows = await Array.fromAsync(conllRows(blocksOf(text, length), {
          path: "a",
          optionName: (name) => name,
          onBadRow: (error) => {
            throw error;
          },
        }));
        assertEquals(
          rows.map(({ cells }) => cells),
          sentences.map((tokens) => ({
            1: tokens.map(([word]) => word),
            2: tokens.map(([, tag]) => tag),
          })),
        );
      },
    ),
  );
});

Deno.test("CoNLL-U has comments, names, and lines that are no words", async () => {
  // After the example of https://universaldependencies.org/format.html.
  const rest = "_\t_\t0\troot\t_\t_";
  const text = `# sent_id = 1
# text = vámonos al mar
1-2\tvámonos\t_\t_\t${rest}
1\tvamos\tir\tVERB\t${rest}
2\tnos\tnosotros\tPRON\t${rest}
3-4\tal\t_\t_\t${rest}
3\ta\ta\tADP\t${rest}
4\tel\tel\tDET\t${rest}
5\tmar\tmar\tNOUN\t${rest}
5.1\tmar\tmar\tNOUN\t${rest}

# sent_id = 2
1\t#\t#\tSYM\t${rest}
`;
  const tree = file("a.conllu", text);
  assertEquals(await readExamples(tree, tokenExamples()).toArray(), [
    {
      tokens: ["vamos", "nos", "a", "el", "mar"],
      tags: ["VERB", "PRON", "ADP", "DET", "NOUN"],
    },
    { tokens: ["#"], tags: ["SYM"] },
  ]);
  const lemmas = readExamples(tree, tokenExamples({ tags: "lemma" }));
  assertEquals((await lemmas.toArray())[0]?.tags[0], "ir");
  const lines = (await Array.fromAsync(readRows(tree))).map(({ line }) => line);
  assertEquals(lines, [3, 13]);
});

Deno.test("lines with another number of columns are refused by their number", async () => {
  const text = "a\tO\n\nb\tO\nc\n\nd\tO\n";
  await assertRejects(
    () => cells(text),
    SyntaxError,
    "line 4 has 1 column separated by tabs, the first has 2",
  );
  await assertRejects(
    () => cells("a O\nb\tO\n", { columns: ["form", "pos", "ner"] }),
    SyntaxError,
    "line 1 has 2 columns separated by blanks, columns names 3",
  );
  const problems: string[] = [];
  const onBadRow = (error: Error) => void problems.push(error.message);
  assertEquals(await cells(text, { onBadRow }), [
    { 1: ["a"], 2: ["O"] },
    { 1: ["d"], 2: ["O"] },
  ]);
  assertEquals(problems.length, 1);
  assertEquals(await cells("\n\n"), []);
});
