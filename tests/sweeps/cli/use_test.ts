// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { OutputFolder } from "../../../cli/output_folder.ts";
import { inFolder } from "../../_folder.ts";
import {
  cli,
  command,
  inDataFolder,
  type Outcome,
  read,
} from "../../cli/_command.ts";

/** Runs the command line with a text on standard input. */
async function piped(text: string, ...args: string[]): Promise<Outcome> {
  const child = command(args, "piped").spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return read(await child.output());
}

function linesOf({ out }: Outcome) {
  return out.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("a model of pairs is used on pairs, with the column names of its training", async () => {
  await inDataFolder(async (folder, options) => {
    const model = `${folder}/model`;
    const data = `${folder}/pairs.csv`;
    const trained = await cli(
      "finetune",
      ...["--data", data, "--output", model, ...options, "--swag"],
      ...["--text-column", "premise", "--pair-column", "hypothesis"],
      ...["--label-column", "gold_label", "--max-length", "8"],
    );
    assertEquals(trained.code, 0, trained.err);
    assertMatch(
      trained.err,
      /^24 of 24 rows of .*pairs\.csv cut to 8 tokens\n/,
    );
    assertMatch(trained.err, /\nThe posterior will be made of 3 collections/);
    const text = await Deno.readTextFile(data);
    const [scores, predicted, given, wide, file, other] = await Promise.all([
      piped(
        text,
        ...["evaluate", "--model", model, "--data", "-", "--format", "csv"],
        ...["--json", "--swag-samples", "2"],
      ),
      cli(
        "predict",
        ...["--model", model, "--data", data, "--keep-columns", "id"],
        ...["--swag-samples", "0"],
      ),
      cli(
        "predict",
        ...["--model", model, "--swag-samples", "0"],
        ...["--text", "the film was bad", "--pair", "a film"],
        ...["--text", "the film was good", "--pair", "a film"],
      ),
      cli("predict", "--model", model, "--text", "bad", "--scale", "1e30"),
      cli("predict", "--model", model, "--data", data, "--scale", "1e30"),
      cli("evaluate", "--model", model, "--data", `${folder}/train.csv`),
    ]);
    const remark = 'Using the columns of the training: text "premise", pair ' +
      '"hypothesis", label "gold_label"\n';
    assert(scores.err.startsWith(remark), scores.err);
    const { rows, cut, f1_class } = JSON.parse(scores.out);
    assertEquals([rows, cut, f1_class], [24, 24, "pos"]);

    const lines = linesOf(predicted);
    assertEquals(lines.length, 24);
    const { label: _, probabilities, ...first } = lines[0];
    assertEquals(first, {
      row: 1,
      text: "the film was bad",
      pair: "a film",
      gold: "neg",
      columns: { id: "0" },
    });
    // Numbers have the digits of 32 bits, and no more.
    const { neg } = probabilities;
    assert(String(neg).length <= 12 && Math.fround(neg) !== 0);
    assertEquals(linesOf(given)[0], {
      text: first.text,
      pair: first.pair,
      label: lines[0].label,
      probabilities,
    });

    // Scores that are not numbers are an error, for texts of files and of options.
    for (const { code, out } of [wide, file]) {
      assertEquals([code, out], [1, ""]);
    }
    assertMatch(wide.err, /\nerror: .*row 1 of --text: they are NaN, NaN/);
    assertMatch(file.err, /\nerror: .*row \d+ of .*pairs\.csv \(line \d+\)/);
    assertEquals(other.code, 1);
    assertMatch(other.err, /^error: .*"hypothesis".*trained on pairs/);

    // One of several labels or numbers would look like an answer.
    const path = `${model}/config.json`;
    const fields = JSON.parse(await Deno.readTextFile(path));
    for (
      const [type, several, reason] of [
        [
          "multi_label_classification",
          "several labels",
          '"gold_label" is "neg", expected a list of labels',
        ],
        ["regression", "2 numbers", "1 column of labels: the model gives 2"],
      ] as const
    ) {
      const changed = JSON.stringify({ ...fields, problem_type: type });
      await Deno.writeTextFile(path, changed);
      const [compared, evaluated] = await Promise.all([
        cli("compare", model, `${folder}/other`, "--data", data),
        cli("evaluate", "--model", model, "--data", data),
      ]);
      for (const { code, out } of [compared, evaluated]) {
        assertEquals([code, out], [1, ""]);
      }
      assertMatch(
        compared.err,
        new RegExp(
          `^error: Cannot compare .*model: it predicts ${several} for`,
        ),
      );
      assertMatch(evaluated.err, new RegExp(`error: Cannot use .*${reason}`));
    }
  });
});

Deno.test("finetune leaves out unlabeled rows and reads files without a header", async () => {
  await inDataFolder(async (folder, options) => {
    const model = `${folder}/model`;
    const trained = await cli(
      "finetune",
      ...["--data", `${folder}/unlabeled.csv`, "--skip-unlabelled"],
      ...["--output", model, ...options],
    );
    assertEquals(trained.code, 0, trained.err);
    assertMatch(trained.err, /^Left out 1 row of .* without a label\n/);
    assertMatch(trained.err, /\n1 of 3 rows of .* without a text\n/);
    const bare = await cli(
      "evaluate",
      ...["--model", model, "--data", `${folder}/bare.tsv`],
      ...["--columns", "words,class", "--text-column", "1"],
      ...["--label-column", "class", "--scale", "2"],
    );
    assertEquals(bare.code, 0, bare.err);
    assertMatch(bare.out, /F1 \(pos\)/);
    assertMatch(bare.err, /no SWAG posterior: --scale changes nothing\n/);
  });
});

Deno.test("finetune refuses an output folder that cannot be written before it trains", async () => {
  await inFolder(async (folder) => {
    // Not even the superuser can write to /proc; without -A Deno would not try it.
    const isLinux = Deno.build.os === "linux";
    if (!isLinux) await Deno.chmod(folder, 0o555);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-check",
        `import { prepareOutput } from "${
          import.meta.resolve("../../../cli/save.ts")
        }"; await prepareOutput("${isLinux ? "/proc" : folder}", false);`,
      ],
    }).output();
    assertEquals(code, 1);
    assertMatch(
      new TextDecoder().decode(stderr),
      /Cannot write to [^\n]*: ./,
    );
    if (!isLinux) await Deno.chmod(folder, 0o755);
    {
      await using _unused = await OutputFolder.make(
        `${folder}/new`,
        () => Deno.mkdir(`${folder}/new`),
      );
      assertEquals([...Deno.readDirSync(`${folder}/new`)], []);
    }
    assertEquals([...Deno.readDirSync(folder)], []);
    {
      await using _used = await OutputFolder.make(
        `${folder}/new`,
        () => Deno.mkdir(`${folder}/new`),
      );
      await Deno.writeTextFile(`${folder}/new/config.json`, "{}");
    }
    assertEquals(
      [...Deno.readDirSync(`${folder}/new`)].map(({ name }) => name),
      ["config.json"],
    );
  });
});
