// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseSafetensors } from "../../../nn/formats/mod.ts";
import { cli, inDataFolder } from "../../cli/_command.ts";
import { names } from "../../_folder.ts";

/** The tensors of a file by name. */
async function tensorsOf(path: string) {
  return parseSafetensors(await Deno.readFile(path));
}

/** The weights of a model's folder by name, as texts that can be compared. */
async function weightsOf(folder: string): Promise<Map<string, string>> {
  const file = await tensorsOf(`${folder}/model.safetensors`);
  return new Map(
    file.names.map((name) => [name, file.tensor(name).data.join()]),
  );
}

/** The names of the weights in which two models differ. */
async function changed(before: string, after: string): Promise<string[]> {
  const [old, current] = [await weightsOf(before), await weightsOf(after)];
  assertEquals([...current.keys()].sort(), [...old.keys()].sort());
  return [...current].filter(([name, text]) => old.get(name) !== text)
    .map(([name]) => name);
}

/** Trains a model, and then others from it with the options of each test. */
async function fromTrained(
  body: (
    run: (name: string, ...options: string[]) => Promise<string>,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  await inDataFolder(async (folder, options) => {
    const data = ["--data", `${folder}/train.tsv`, "--batch-size", "8"];
    const base = await cli(
      "finetune",
      ...[...data, ...options, "--output", `${folder}/base`],
    );
    assertEquals(base.code, 0, base.err);
    await body(async (name, ...own) => {
      const { code, err } = await cli(
        "finetune",
        ...[...data, "--model", `${folder}/base`],
        ...["--output", `${folder}/${name}`, ...own],
      );
      assertEquals(code, 0, err);
      return err;
    }, folder);
  });
}

/** What run.json says of the settings. */
async function settingsOf(folder: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(`${folder}/run.json`)).settings;
}

Deno.test("finetune gives the top block new values", () =>
  fromTrained(async (run, folder) => {
    const one = ["--epochs", "1", "--learning-rate", "1e-12"];
    const said = await run("new", ...one, "--reinit-layers", "1");
    assertMatch(
      said,
      /18 parameters have new values: "bert.encoder", "bert.pooler"/,
    );
    await run("old", ...one);
    const differ = await changed(`${folder}/old`, `${folder}/new`);
    assertEquals(
      differ.filter((name) => !/encoder\.layer\.0\.|pooler/.test(name)),
      [],
    );
    // Norms and biases that begin anew may be what they were; dense weights are not.
    assert(differ.includes("bert.encoder.layer.0.attention.self.query.weight"));
    assert(differ.includes("bert.pooler.dense.weight"));
    const { "new values in top blocks": blocks } = await settingsOf(
      `${folder}/new`,
    );
    assertEquals(blocks, 1);
  }));

Deno.test("finetune sets rates by layer and by third, and shows them", () =>
  fromTrained(async (run, folder) => {
    const rate = ["--epochs", "1", "--learning-rate", "1e-3"];
    const layers = await run("layers", ...rate, "--layer-decay", "0.5");
    assertMatch(layers, /part +learning rate +decay/);
    assertMatch(layers, /head +1\.00e-3 +0\.01 /);
    assertMatch(layers, /bert\.encoder\.layer\.0 +5\.00e-4 /);
    assertMatch(layers, /bert\.embeddings +2\.50e-4 /);
    const thirds = await run("thirds", ...rate, "--rates-by-third");
    assertMatch(thirds, /head +1\.00e-3 /);
    assertMatch(thirds, /embeddings, lowest third +2\.78e-4 /);
    assert((await changed(`${folder}/layers`, `${folder}/thirds`)).length > 0);
  }));

Deno.test("finetune mixes weights, and lets them decay to what they were", () =>
  fromTrained(async (run, folder) => {
    const some = ["--epochs", "2", "--learning-rate", "1e-3"];
    await run("plain", ...some);
    await run("mixed", ...some, "--mixout", "0.9");
    const differ = await changed(`${folder}/plain`, `${folder}/mixed`);
    assert(differ.includes("bert.encoder.layer.0.output.dense.weight"));
    const distances: number[] = [];
    for (const decay of ["0.01", "500"]) {
      const name = `prior${decay}`;
      await run(name, ...some, "--prior-decay", "--weight-decay", decay);
      const log = await Deno.readTextFile(`${folder}/${name}/log.jsonl`);
      const last = log.trim().split("\n").map((line) => JSON.parse(line))
        .findLast((entry) => "prior_distance" in entry);
      distances.push(last.prior_distance);
    }
    const [weak = NaN, strong = NaN] = distances;
    assert(weak > 0 && strong < weak / 1.5, distances.join());
  }));

Deno.test("finetune trains some weights only, or from the top down", () =>
  fromTrained(async (run, folder) => {
    const some = ["--epochs", "1", "--learning-rate", "1e-3"];
    await run("frozen", ...some, "--freeze", "bert.embeddings");
    const trained = await changed(`${folder}/base`, `${folder}/frozen`);
    assertEquals(trained.filter((name) => /embeddings/.test(name)), []);
    assert(trained.some((name) => /encoder/.test(name)));
    await run("head", ...some, "--unfreeze-every", "1");
    assertEquals(
      (await changed(`${folder}/base`, `${folder}/head`))
        .filter((name) => !/classifier|pooler/.test(name)),
      [],
    );
    await run("more", "--epochs", "2", "--unfreeze-every", "1", "--overwrite");
    const more = await changed(`${folder}/base`, `${folder}/more`);
    assert(more.some((name) => /encoder/.test(name)));
    assertEquals(more.filter((name) => /embeddings/.test(name)), []);
  }));

Deno.test("finetune has other rules for steps", () =>
  fromTrained(async (run, folder) => {
    const some = ["--epochs", "1", "--learning-rate", "1e-4"];
    const seen = new Set<string>();
    for (
      const [name, ...options] of [
        ["adamw"],
        ["uncorrected", "--no-bias-correction"],
        ["madgrad", "--optimizer", "madgrad"],
        ["mirror", "--optimizer", "mirror_madgrad", "--momentum", "0.5"],
        ["ivon", "--optimizer", "ivon"],
      ]
    ) {
      await run(name ?? "", ...some, ...options);
      const weights = await weightsOf(`${folder}/${name}`);
      seen.add(weights.get("classifier.weight") ?? "");
    }
    assertEquals(seen.size, 5);
  }));

Deno.test("finetune trains an adapter, which evaluate and predict use", () =>
  fromTrained(async (run, folder) => {
    await run(
      "adapter",
      ...["--lora-rank", "2", "--lora-alpha", "4", "--lora-dropout", "0.1"],
      ...["--lora-modules", "query,value", "--learning-rate", "1e-2"],
      ...["--epochs", "8", "--swag", "--max-num-models", "3"],
    );
    const adapter = `${folder}/adapter`;
    const files = names(adapter);
    assert(files.includes("adapter_model.safetensors"), files.join());
    assert(files.includes("swag.safetensors"));
    assert(!files.includes("model.safetensors"));
    const saved = await tensorsOf(`${adapter}/adapter_model.safetensors`);
    assertEquals(
      saved.names.filter((name) => !/lora_[AB]|classifier/.test(name)),
      [],
    );
    const data = ["--data", `${folder}/train.csv`, "--quiet"];
    const measured = await cli(
      "evaluate",
      "--model",
      adapter,
      ...data,
      "--json",
    );
    assertEquals(measured.code, 0, measured.err);
    const { results } = JSON.parse(measured.out);
    assertEquals(results.length, 3);
    assertEquals(results[0].scores.accuracy, 1);
    const predicted = await cli(
      "predict",
      ...["--model", adapter, "--text", "the film was bad", "--quiet"],
    );
    assertEquals(predicted.code, 0, predicted.err);
    const line = JSON.parse(predicted.out);
    assertEquals(line.label, "neg");
    assert(line.mutualInformation > 0);
    // Another run may take the folder, with weights instead.
    await run("adapter", "--epochs", "1", "--overwrite");
    assertEquals(
      names(adapter).filter((name) => /adapter|swag/.test(name)),
      [],
    );
  }));

Deno.test("finetune saves memory: blocks computed again, frozen weights as f16", () =>
  fromTrained(async (run, folder) => {
    const some = ["--epochs", "1", "--learning-rate", "1e-3"];
    await run("plain", ...some);
    await run("again", ...some, "--gradient-checkpointing");
    assertEquals(await changed(`${folder}/plain`, `${folder}/again`), []);
    const { "gradient checkpointing": said } = await settingsOf(
      `${folder}/again`,
    );
    assertEquals(said, "yes");
    const half = ["--lora-rank", "2", "--frozen-dtype", "f16", "--swag"];
    await run("half", ...half, "--learning-rate", "1e-2", "--epochs", "8");
    const data = ["--data", `${folder}/train.csv`, "--quiet", "--json"];
    const { out } = await cli("evaluate", "--model", `${folder}/half`, ...data);
    assertEquals(JSON.parse(out).results[0].scores.accuracy, 1);
  }));

Deno.test("finetune refuses remedies that do not go together", () =>
  inDataFolder(async (folder, options) => {
    const data = ["--data", `${folder}/train.tsv`, "--output", `${folder}/x`];
    for (
      const [wrong, wish] of [
        [
          [...options, "--mixout", "0.5"],
          /--mixout with --init: random weights/,
        ],
        [
          ["--model", "x", "--lora-rank", "2", "--layer-decay", "0.9"],
          /--layer-decay with --lora-rank/,
        ],
        [
          ["--model", "x", "--lora-alpha", "2"],
          /--lora-alpha without --lora-rank/,
        ],
        [["--model", "x", "--layer-decay", "1.5"], /expected a number/],
        [["--model", "x", "--frozen-dtype", "f16"], /no weight is frozen/],
        [["--model", "x", "--optimizer", "madgrad"], /without --learning-rate/],
        [
          ["--model", "x", "--optimizer", "ivon", "--momentum", "0.5"],
          /Cannot use --momentum with ivon/,
        ],
        [
          ["--model", "x", "--optimizer", "sgd", "--no-bias-correction"],
          /it is for adamw/,
        ],
      ] as const
    ) {
      const { code, err } = await cli("finetune", ...data, ...wrong);
      assertEquals(code, 1);
      assertMatch(err, wish);
    }
    assertEquals(names(folder).includes("x"), false);
  }));
