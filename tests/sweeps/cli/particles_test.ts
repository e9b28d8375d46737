// Copyright 2026 the swagpu authors. MIT license.

// Runs of many particles: planned, trained in processes that are killed, merged and
// used.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
} from "@std/assert";
import { lockRun } from "../../../cli/run_lock.ts";
import { names } from "../../_folder.ts";
import {
  cli,
  command,
  inDataFolder,
  type Outcome,
  read,
} from "../../cli/_command.ts";

/** Plans a run. */
async function plan(
  run: string,
  data: string,
  words: readonly string[],
): Promise<Outcome> {
  const outcome = await cli(
    "finetune",
    ...["--data", data, "--output", run, ...words, "--quiet"],
    ...["--batch-size", "8", "--learning-rate", "0.01", "--swag"],
    ...["--swag-start", "0"],
  );
  assertEquals(outcome.code, 0, outcome.err);
  return outcome;
}

/** Runs a particle, and checks how it ends. */
async function particle(
  run: string,
  index: number | "all",
  code = 0,
): Promise<Outcome> {
  const outcome = await cli(
    "particle",
    ...["--run", run, "--index", `${index}`, "--quiet"],
  );
  assertEquals(outcome.code, code, outcome.err);
  return outcome;
}

/** Whether a folder holds a checkpoint. */
function hasCheckpoint(folder: string): boolean {
  try {
    return names(folder).some((name) => /^checkpoint-\d+$/.test(name));
  } catch {
    return false; // It is not there yet.
  }
}

/** Starts a particle, and waits until it has saved a checkpoint. */
async function startParticle(run: string, index: number) {
  const process = command(["particle", "--run", run, "--index", `${index}`])
    .spawn();
  while (!hasCheckpoint(`${run}/particles/000${index}.partial`)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process;
}

async function assertSameParticles(run: string, other: string): Promise<void> {
  assertEquals(names(`${run}/particles`), names(`${other}/particles`));
  for (const name of names(`${other}/particles`)) {
    for (const file of ["model.safetensors", "swag.safetensors"]) {
      assertEquals(
        await Deno.readFile(`${run}/particles/${name}/${file}`),
        await Deno.readFile(`${other}/particles/${name}/${file}`),
        `${name}/${file}`,
      );
    }
  }
}

Deno.test("particles that are killed or stopped go on, with the bits of others", () =>
  inDataFolder(async (folder, options) => {
    const words = [
      ...options.slice(0, 4),
      ...["--max-steps", "240", "--save-every", "40", "--particles", "3"],
    ];
    const run = `${folder}/run`;
    const planned = await plan(run, `${folder}/train.csv`, words);
    assertMatch(
      planned.out,
      /^Planned .*run: 3 particles, seeds 0 to 2; train/,
    );
    assertEquals(names(run), ["particles.json"]);

    // Two at once: the second one leaves the first alone.
    const killed = await startParticle(run, 0);
    const { err } = await particle(run, 0, 75);
    assertMatch(err, /another process holds .*0000\.lock/);
    killed.kill("SIGKILL");
    const { signal } = await killed.output();
    assertEquals(signal, "SIGKILL");
    const first = `${run}/particles/0000`;
    assertEquals(names(`${run}/particles`), ["0000.lock", "0000.partial"]);
    const { out } = await particle(run, 0);
    assertMatch(out, /\n.*particles\/0000 is done\n$/);
    assertEquals(names(`${run}/particles`), ["0000"]);
    assert(!hasCheckpoint(first), names(first).join());
    const { command: written, snapshots } = JSON.parse(
      await Deno.readTextFile(`${first}/run.json`),
    );
    assertMatch(written, /--seed 0 --output 0000 --resume$/);
    assertEquals(snapshots.length, 80);

    // A signal, as a scheduler sends it, saves a checkpoint and nothing else.
    const stopped = await startParticle(run, 1);
    stopped.kill("SIGTERM");
    const outcome = read(await stopped.output());
    assertEquals(outcome.code, 75, outcome.err);
    assertMatch(
      outcome.err,
      /Stopped: particle 1 goes on when it is run again/,
    );
    const partial = `${run}/particles/0001.partial`;
    assert(hasCheckpoint(partial));
    assert(!names(partial).includes("model.safetensors"));

    // What is left without a checkpoint is of no use.
    await Deno.mkdir(`${run}/particles/0002.partial`);
    await Deno.writeTextFile(
      `${run}/particles/0002.partial/swag.safetensors`,
      "half",
    );
    const rest = await particle(run, "all");
    assertMatch(
      rest.out,
      /^.*0000 is done\nSaved [^]*0001 is done\nSaved [^]*0002 is done\n$/,
    );
    const again = await particle(run, 1);
    assertEquals(again.out, `${run}/particles/0001 is done\n`);

    await plan(`${folder}/alone`, `${folder}/train.csv`, words);
    await particle(`${folder}/alone`, "all");
    await assertSameParticles(run, `${folder}/alone`);
  }));

Deno.test("a merged run is one model, which predicts the mean of its particles", () =>
  inDataFolder(async (folder, options) => {
    const run = `${folder}/run`;
    const data = `${folder}/train.csv`;
    const words = [
      ...options.slice(0, 4),
      ...["--max-steps", "9", "--seed", "5", "--particles"],
    ];
    await plan(run, data, [...words, "3"]);
    const none = await cli("merge", run);
    assertEquals(none.code, 1);
    assertMatch(none.err, /3 of its 3 particles are missing, 0, 1, 2 .*begun/);
    await particle(run, "all");
    const merge = async (code: number, ...more: string[]) => {
      const outcome = await cli("merge", run, ...more);
      assertEquals(outcome.code, code, outcome.err);
      return outcome.err + outcome.out;
    };
    const particles = `${run}/particles`;

    // Holes, and particles that do not belong there.
    await Deno.rename(`${particles}/0001`, `${particles}/0001.partial`);
    assertMatch(
      await merge(1),
      /1 of its 3 particles are missing, 1 \(1 of them begun\); run them, or say --allow-missing/,
    );
    assert(!names(run).includes("multiswag.json"));
    assertMatch(
      await merge(0, "--allow-missing"),
      /Merged .*: 2 particles of 3 collections each, without 1 that are missing, 1\n/,
    );
    await Deno.mkdir(`${particles}/0001`);
    assertMatch(await merge(1), /0001: it holds no run\.json/);
    await Deno.remove(`${particles}/0001`);
    const other = `${folder}/other`;
    await plan(other, data, [...words, "2", "--weight-decay", "0.02"]);
    await particle(other, 1);
    await Deno.rename(`${other}/particles/0001`, `${particles}/0001`);
    assertMatch(await merge(1), /0001 with .*0000: they differ in training, /);
    await Deno.remove(`${particles}/0001`, { recursive: true });
    await Deno.rename(`${particles}/0002`, `${particles}/0001`);
    assertMatch(
      await merge(1, "--allow-missing"),
      /its seed is 7, by the plan it must be 6/,
    );
    await Deno.rename(`${particles}/0001`, `${particles}/0002`);
    await Deno.rename(`${particles}/0001.partial`, `${particles}/0001`);
    assertMatch(
      await merge(0),
      /Merged .*: 3 particles of 3 collections each\n/,
    );

    // The whole folder moves.
    const moved = `${folder}/moved`;
    await Deno.rename(run, moved);
    const ask = async (model: string, ...more: string[]) => {
      const { code, out, err } = await cli(
        "predict",
        ...["--model", model, "--text", "the film was good", ...more],
      );
      assertEquals(code, 0, err);
      return JSON.parse(out).probabilities.pos as number;
    };
    // Of 2 samples, each of the 3 particles gives 1.
    const found = await ask(moved, "--swag-samples", "2");
    let mean = 0;
    for (let index = 0; index < 3; index++) {
      const sample = `${folder}/sample-${index}`;
      const drawn = await cli(
        "swag",
        ...["sample", "--model", moved, "--index", `${index}`],
        ...["--output", sample],
      );
      assertEquals(drawn.code, 0, drawn.err);
      mean += await ask(sample) / 3;
    }
    assertAlmostEquals(found, mean, 1e-5);
    // Draw 1 is the first one of the second particle.
    const own = await cli(
      "swag",
      ...["sample", "--model", `${moved}/particles/0001`],
      ...["--output", `${folder}/own`],
    );
    assertEquals(own.code, 0, own.err);
    assertEquals(
      await Deno.readFile(`${folder}/own/model.safetensors`),
      await Deno.readFile(`${folder}/sample-1/model.safetensors`),
    );

    const measured = await cli("evaluate", "--model", moved, "--data", data);
    assertEquals(measured.code, 0, measured.err);
    assertMatch(
      measured.out,
      /\none particle +[\d.]+[^]*\nMultiSWA +[\d.]+[^]*\nMultiSWAG +[\d.]+/,
    );
    const compared = await cli(
      "compare",
      ...[moved, `${moved}/particles/0002`, "--data", data],
    );
    assertEquals(compared.code, 0, compared.err);

    // A plain model in its place is no merged run.
    const replaced = await cli(
      "swag",
      ...["sample", "--model", moved, "--output", moved, "--overwrite"],
    );
    assertEquals(replaced.code, 0, replaced.err);
    assert(!names(moved).includes("multiswag.json"));
  }));

Deno.test("particle ends with 42 if nothing helps, and with 75 if it may", () =>
  inDataFolder(async (folder, options) => {
    const run = `${folder}/run`;
    const data = `${folder}/data.csv`;
    const good = await Deno.readTextFile(`${folder}/train.csv`);
    await Deno.writeTextFile(data, good);
    await plan(run, data, [
      ...[...options.slice(0, 4), "--max-steps", "2"],
      ...["--swag-collect-steps", "1", "--particles", "2"],
    ]);
    const ends = async (code: number, expected: RegExp, ...words: string[]) => {
      const env = { SLURM_ARRAY_TASK_ID: "7" };
      const outcome = read(
        await command(["particle", ...words], "null", env).output(),
      );
      assertEquals(outcome.code, code, outcome.err);
      assertMatch(outcome.err, expected);
      assertEquals(names(folder).includes("particles"), false);
    };
    const there = ["--run", run, "--index"];
    await ends(42, /holds no particles\.json/, "--run", "no", "--index", "0");
    await ends(42, /Cannot run without --run/);
    await ends(42, /Cannot run without --index/, "--run", run);
    await ends(42, /it is not an option/, ...there, "0", "--epochs", "3");
    await ends(
      42,
      /expected a whole number from 0, auto or all/,
      ...there,
      "x",
    );
    await ends(
      42,
      /particle 2 of .*: the plan has particles 0 to 1/,
      ...there,
      "2",
    );
    await ends(
      42,
      /particle 7 of .*: the plan has particles 0 to/,
      ...there,
      "auto",
    );
    await Deno.writeTextFile(data, "text,label\ngood\n");
    await ends(42, /data\.csv/, ...there, "0");
    await Deno.remove(data);
    await ends(75, /data\.csv/, ...there, "0");
    await Deno.writeTextFile(data, good);
    // The folder of particles is a file: whoever is in charge can mend that.
    await Deno.remove(`${run}/particles`, { recursive: true });
    await Deno.writeTextFile(`${run}/particles`, "");
    await ends(75, /Cannot write to .*particles/, ...there, "0");
    await Deno.remove(`${run}/particles`);
    // The plan's options are checked like those of the command line.
    const path = `${run}/particles.json`;
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace("--max-steps", "--most-steps"));
    await ends(42, /--most-steps: it is not an option/, ...there, "0");
    // A training that diverges does so again.
    await Deno.writeTextFile(path, text.replace('"0.01"', '"1e38"'));
    await ends(
      42,
      /weight was not finite; .* Nothing was saved/,
      ...there,
      "0",
    );
    await Deno.writeTextFile(path, text);
    // While another process is at work on one, the others are trained.
    {
      await using _lock = await lockRun(
        `${run}/particles/0000.lock`,
        { action: "run it", say: () => {} },
      );
      const { out, err } = await particle(run, "all", 75);
      assertMatch(err, /^error: Cannot run the particle: another process/);
      assertMatch(out, /0001 is done\n$/);
    }
    const done = await particle(run, "all");
    assertMatch(done.out, /0000 is done\n.*0001 is done\n$/);
  }));
