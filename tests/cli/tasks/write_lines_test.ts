// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { translation } from "../../../cli/tasks/sequence_to_sequence.ts";
import { manualSeed } from "../../../engine/mod.ts";
import { AutoModelForSeq2SeqLM, pipeline } from "../../../models/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { gpuTest, randomValues } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { linesOf, listener } from "./_task.ts";
import { BPE, configOf, PAIRS } from "./_writing.ts";

gpuTest(
  "translation predicts with the mean, and with samples if asked",
  async () => {
    manualSeed(3);
    const config = configOf("marian", BPE);
    const model = AutoModelForSeq2SeqLM.fromConfig(config).eval();
    const swag = SwagModel.fromBase(model, { maxNumModels: 3 });
    for (let i = 0; i < 3; i++) {
      [...model.parameters()].forEach((parameter, k) => {
        if (!parameter.requiresGrad) return;
        parameter.write(randomValues(parameter.size, 10 * k + i, -0.4, 0.4));
      });
      swag.collectModel();
    }
    const short = ["--max-new-tokens", "5", "--num-beams", "1"];
    const predicted = async (
      posterior: SwagModel | undefined,
      given: string[],
    ) => {
      const told = listener();
      const loaded = { model, tokenizer: BPE, swag: posterior };
      const argv = [...short, ...given];
      const lines = await linesOf(translation, loaded, {
        ...{ argv, told, maxLength: 32 },
      });
      return { lines, said: told.said };
    };
    const [source] = PAIRS[0];
    const write = async (
      options?: { scale: number; seed: number; index: number },
    ) => {
      const run = async () => {
        const translate = await pipeline("translation", {
          model,
          tokenizer: BPE,
        });
        const [one] = await translate(source, { maxNewTokens: 5, numBeams: 1 });
        return one?.translationText;
      };
      return await (options ? swag.withSample(options, run) : run());
    };
    const own = await write();
    const mean = await write({ scale: 0, seed: 0, index: 0 });
    const text = ["--text", source];
    const { lines: [plain] } = await predicted(undefined, text);
    assertEquals(plain, { text: source, translationText: own });
    const { lines: [averaged] } = await predicted(swag, text);
    assertEquals(averaged, { text: source, translationText: mean });
    const none = await predicted(swag, [...text, "--swag-samples", "0"]);
    assertEquals(none.lines[0]?.translationText, own);
    const several = await predicted(swag, [
      ...text,
      ..."--swag-samples 3 --scale 1 --seed 4".split(" "),
    ]);
    const samples: unknown[] = [];
    for (let index = 0; index < 3; index++) {
      samples.push(await write({ scale: 1, seed: 4, index }));
    }
    assertEquals(several.lines, [{
      text: source,
      translationText: mean,
      samples,
    }]);

    await inFolder(async (folder) => {
      const path = `${folder}/a.csv`;
      const rows = `id,source,target\n1,${source},x\n2,,y\n3,${
        "le ".repeat(40)
      },z\n`;
      await Deno.writeTextFile(path, rows);
      const { lines, said } = await predicted(undefined, ["--data", path]);
      assertEquals(lines[0], {
        row: 1,
        text: source,
        gold: "x",
        translationText: own,
      });
      assertEquals(lines[1]?.translationText, "");
      assertEquals(said.at(-1), `1 of 3 rows of ${path} cut to 32 tokens`);
      const drawn = ["--do-sample", "--temperature", "2", "--data", path];
      const once = await predicted(undefined, drawn);
      assertEquals(once.lines, (await predicted(undefined, drawn)).lines);
      await Deno.writeTextFile(`${folder}/b.txt`, `${source}\n\n`);
      const plain = await predicted(undefined, ["--data", `${folder}/b.txt`]);
      assertEquals(plain.lines.map((line) => line.translationText), [own, ""]);
      // As many tokens as the model has positions.
      const longest = await predicted(undefined, [
        ...text,
        ..."--max-new-tokens 32 --min-new-tokens 32".split(" "),
      ]);
      assert(String(longest.lines[0]?.translationText).length > 5);
      const refused: [string[], string][] = [
        [
          ["--text", "x", "--top-p", "0.5"],
          "Cannot use --top-p without --do-sample",
        ],
        [
          ["--text", "x", "--max-new-tokens", "99"],
          "the model supports 32 positions",
        ],
        [["--text", "x", "--num-beams", "0"], "Cannot use --num-beams 0"],
        [
          ["--text", "x", "--source-column", "a"],
          "--source-column with --text",
        ],
        [["--data", path, "--target-column", "gold"], 'the column "gold"'],
      ];
      for (const [given, message] of refused) {
        await assertRejects(() => predicted(undefined, given), Error, message);
      }
    });
    swag.dispose();
    model.dispose();
  },
);
