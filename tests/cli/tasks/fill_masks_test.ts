// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { maskedLanguageModel as task } from "../../../cli/tasks/masked_language_model.ts";
import { scope, tensor } from "../../../engine/mod.ts";
import { pipeline } from "../../../models/mod.ts";
import { softmaxRows } from "../../../nn/metrics/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { gpuTest, randomValues } from "../../_check.ts";
import { bert, modernBert, TOKENIZER, vocabSize } from "./_masked.ts";
import { linesOf, listener, withFiles } from "./_task.ts";

gpuTest("fill-mask predicts what the pipeline predicts", async () => {
  const model = modernBert();
  const texts = ["The [MASK] barks", "a [MASK] in the [MASK] at night"];
  const fill = await pipeline("fill-mask", { model, tokenizer: TOKENIZER });
  const expected = await fill(texts, { topK: 3 });
  await withFiles({
    "a.csv": `id,text\n7,${texts[0]}\n8,\n9,${texts[1]}\n`,
    "b.txt": texts.join("\n") + "\n\n",
  }, async (_, folder) => {
    const predicted = async (...given: string[]) => {
      const told = listener();
      const argv = ["--top-k", "3", ...given];
      const loaded = { model, tokenizer: TOKENIZER, swag: undefined };
      const lines = await linesOf(task, loaded, { argv, told, maxLength: 32 });
      return { lines, said: told.said };
    };
    const { lines } = await predicted(
      ...texts.flatMap((text) => ["--text", text]),
    );
    assertEquals(lines.length, 2);
    for (const [i, { text, masks }] of lines.entries()) {
      assertEquals(text, texts[i]);
      const lists = i === 0 ? [expected[0]] : expected[1] ?? [];
      assertEquals(masks.length, lists.length);
      for (const [m, { fillings }] of masks.entries()) {
        const list = lists[m];
        assert(Array.isArray(list));
        assertEquals(fillings.length, 3);
        fillings.forEach((filling: { score: number }, k: number) => {
          const one = list[k];
          assert(one && "score" in one);
          assertAlmostEquals(filling.score, one.score, 1e-5);
          assertEquals({ ...filling, score: 0 }, { ...one, score: 0 });
        });
      }
    }
    const { lines: rows, said } = await predicted(
      "--data",
      `${folder}/a.csv`,
      "--keep-columns",
      "id",
    );
    assertEquals(said, ["Left out 1 blank text"]);
    assertEquals(rows.map(({ row }: { row: number }) => row), [1, 3]);
    assertEquals(rows[1].columns, { id: "9" });
    assertEquals(rows[1].masks, lines[1].masks);
    const { lines: plain } = await predicted("--data", `${folder}/b.txt`);
    assertEquals(plain.map(({ row }: { row: number }) => row), [1, 2]);
    const refused: [string[], string][] = [
      [["--text", "the dog"], "Cannot fill --text 1: it holds no [MASK]"],
      [
        ["--text", `${"dog ".repeat(40)} [MASK]`],
        "its mask is beyond the 32 tokens of a row",
      ],
      [[], "give either --data or --text"],
      [["--text", "x", "--keep-columns", "id"], "--keep-columns with --text"],
      [
        ["--data", `${folder}/b.txt`, "--text-column", "a"],
        "Cannot use --text-co",
      ],
      [["--text", "[MASK]", "--top-k", "0"], "Cannot use --top-k 0"],
    ];
    for (const [given, message] of refused) {
      await assertRejects(() => predicted(...given), Error, message);
    }
  });
  model.dispose();
});

gpuTest("fill-mask predicts with the mean over samples", async () => {
  const model = bert();
  const swag = SwagModel.fromBase(model, { maxNumModels: 3 });
  for (let i = 0; i < 3; i++) {
    [...model.parameters()].forEach((parameter, k) =>
      parameter.write(randomValues(parameter.size, 10 * k + i, -0.3, 0.3))
    );
    swag.collectModel();
  }
  const [line] = await linesOf(task, { model, tokenizer: TOKENIZER, swag }, {
    argv: [
      ...["--text", "the [MASK] barks", "--swag-samples", "4"],
      ...["--scale", "1", "--top-k", "2"],
    ],
  });
  const inputIds = TOKENIZER.encode("the [MASK] barks").inputIds;
  const members: Float64Array[] = [];
  for (let index = 0; index < 4; index++) {
    members.push(
      await swag.withSample({ scale: 1, seed: 0, index }, async () => {
        using _ = scope();
        const { logits } = model.forward({
          inputIds: tensor([inputIds], { dtype: "i32" }),
        });
        const all = await logits.data();
        return softmaxRows(all.subarray(2 * vocabSize, 3 * vocabSize), {
          classes: vocabSize,
        });
      }),
    );
  }
  const mean = Array.from(
    { length: vocabSize },
    (_, k) => members.reduce((sum, own) => sum + (own[k] ?? NaN), 0) / 4,
  );
  const entropyOf = (p: ArrayLike<number>) =>
    -Array.from(p).reduce((sum, x) => sum + x * Math.log(x), 0);
  const { masks: [mask] } = line;
  assertAlmostEquals(mask.fillings[0].score, Math.max(...mean), 1e-4);
  assertEquals(mask.fillings[0].token, mean.indexOf(Math.max(...mean)));
  assertAlmostEquals(mask.entropy, entropyOf(mean), 1e-3);
  const own = members.reduce((sum, p) => sum + entropyOf(p), 0) / 4;
  assertAlmostEquals(mask.expectedEntropy, own, 1e-3);
  assertAlmostEquals(mask.mutualInformation, entropyOf(mean) - own, 1e-3);
  swag.dispose();
  model.dispose();
});
