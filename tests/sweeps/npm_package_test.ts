// Copyright 2026 the swagpu authors. MIT license.

// The npm package as a stranger gets it: packed, installed into an empty folder, and
// used there by Node and npm alone. Nothing of the repository, and no Deno, can be
// found by the commands that are run.

import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildPackage } from "../../tools/build/npm.ts";
import { NODE, PROGRAM_FILE } from "../../tools/build/modules.ts";
import { DOORS, PROJECT, versionOf } from "../../tools/build/project.ts";
import {
  findSwiftShader,
  swiftShaderEnvironment,
} from "../../tools/dawn/swiftshader.ts";
import { inFolder, names } from "../_folder.ts";

/** A program of a web page, which trains a network and its posterior. */
const PROGRAM = fileURLToPath(
  new URL("../../tools/build/programs/posterior.ts", import.meta.url),
);

/** A folder in which commands run, and their environment. */
interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

interface Outcome {
  code: number;
  out: string;
  err: string;
}

async function run(
  { cwd, env }: Place,
  command: string,
  ...args: string[]
): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Runs a command that must succeed, and returns what it prints. */
async function succeed(
  place: Place,
  command: string,
  ...args: string[]
): Promise<string> {
  const { code, out, err } = await run(place, command, ...args);
  assertEquals(code, 0, `${command} ${args.join(" ")}\n${out}\n${err}`);
  return out;
}

/** The path of a program of this machine. */
async function pathOf(program: string): Promise<string> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = `${folder}/${program}`;
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) {
      return path;
    }
  }
  throw new Error(`Cannot find ${program}: install Node ${NODE} or newer`);
}

/** The path of a Node that is new enough: the machine's, or that of npm. */
async function findNode(folder: string): Promise<string> {
  const own = await pathOf("node");
  const here = { cwd: folder, env: {} };
  const version = await succeed(here, own, "--version");
  if (Number(/^v(\d+)/.exec(version)?.[1]) >= NODE) return own;
  const install = ["install", "--silent", "--prefix", folder];
  await succeed(here, "npm", ...install, `node@${NODE}`);
  return `${folder}/node_modules/node/bin/node`;
}

/** Makes a folder with Node, npm and a shell, the only one in which programs are. */
async function linkPrograms(folder: string): Promise<string> {
  const bin = `${folder}/bin`;
  await Deno.mkdir(bin);
  await Deno.symlink(await findNode(folder), `${bin}/node`);
  for (const program of ["npm", "npx", "sh"]) {
    await Deno.symlink(await pathOf(program), `${bin}/${program}`);
  }
  return bin;
}

const SCRIPT = `
import { AdamW, backward, crossEntropy, initialize, Linear, manualSeed,
  scope, SwagModel, tensor } from "${PROJECT.name}";
import { Parameter } from "${PROJECT.name}/nn";
import { Tensor } from "${PROJECT.name}/engine";

await initialize();
manualSeed(1);
const model = new Linear(2, 2);
const optimizer = new AdamW(model.parameters(), { learningRate: 0.1 });
const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 2 });
const x = tensor([[0, 1], [1, 0]]);
const labels = tensor([0, 1], { dtype: "i32" });
const losses = [];
for (let step = 0; step < 2; step++) {
  const loss = crossEntropy(model.forward(x), labels);
  backward(loss);
  optimizer.step();
  swag.collectModel();
  losses.push(await loss.item());
}
const { probabilities } = swag.predict(() => model.forward(x), {
  numPredictions: 4,
});
console.log(JSON.stringify({
  falls: losses[1] < losses[0],
  probabilities: [...await probabilities.data()].length,
  // All doors have one engine.
  isSame: x instanceof Tensor && model.weight instanceof Parameter,
}));
`;

/** A program of the old kind, which loads every door and shows what a model is. */
function oldProgram(): string {
  const names = DOORS.map(({ name }) => `${PROJECT.name}${name.slice(1)}`);
  return `
const doors = ${JSON.stringify(names)}.map((name) => require(name));
const { initialize, tensor } = require("${PROJECT.name}/engine");
const { AdamW, Linear } = require("${PROJECT.name}/nn");
initialize().then(() => {
  const model = new Linear(2, 3);
  console.log(doors.length, tensor([1]), model);
  console.log(AdamW.name, new AdamW(model.parameters()).constructor.name);
  tensor([[1]], { shape: [7] });
});
`;
}

/** What it prints. */
const SHOWN = `${DOORS.length} Tensor f32 [1] Linear {\n` +
  "  weight: Parameter f32 [3, 2],\n  bias: Parameter f32 [3]\n}\n" +
  "AdamW AdamW\n";

/** A program that imports every door, and uses some of their types. */
function consumer(): string {
  const imports = DOORS.map(({ name }, i) =>
    `import * as door${i} from "${PROJECT.name}${name.slice(1)}";\n`
  );
  const names = DOORS.map((_, i) => `door${i}`).join(", ");
  return `${imports.join("")}
import { type Device, tensor, type Tensor } from "${PROJECT.name}/engine";
import { Linear } from "${PROJECT.name}/nn";
import { SwagModel } from "${PROJECT.name}/swag";

export const doors = [${names}];
const x: Tensor = tensor([[1, 2]]);
const model = new Linear(2, 3);
const swag = SwagModel.fromBase(model, { maxNumModels: 2 });
const { probabilities } = swag.predict(() => model.forward(x));
export const data: Promise<Float32Array> = probabilities.data();
export const features = (device: Device): GPUSupportedFeatures =>
  device.gpu.features;
// @ts-expect-error A layer's size is a number: nothing here is of type any.
new Linear("2", 3);
// @ts-expect-error
SwagModel.fromBase(model, { rank: 2 });
// @ts-expect-error
probabilities.shape = "none";
`;
}

const CONFIG = {
  model_type: "bert",
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 16,
  initializer_range: 0.2,
};

function reviews(count: number): string {
  const words = ["good", "bad", "fine", "dull"];
  const rows = Array.from({ length: count }, (_, i) => {
    const word = words[i % words.length] ?? "";
    return `the film was ${word},${i % 2 === 0 ? "pos" : "neg"}\n`;
  });
  return `text,label\n${rows.join("")}`;
}

Deno.test("the npm package works with Node and npm alone", async (t) => {
  const swiftShader = swiftShaderEnvironment(await findSwiftShader());
  await inFolder(async (folder) => {
    const built = `${folder}/built`;
    try {
      await buildPackage(built);
    } finally {
      await esbuild.stop();
    }
    const cwd = `${folder}/empty`;
    await Deno.mkdir(cwd);
    const path = await linkPrograms(folder);
    const place = { cwd, env: { ...swiftShader, PATH: path, NO_COLOR: "1" } };
    const write = (name: string, text: string) =>
      Deno.writeTextFile(`${cwd}/${name}`, text);
    const node = (...args: string[]) => run(place, `${path}/node`, ...args);
    const npm = (...args: string[]) =>
      succeed(place, `${path}/npm`, ...args, "--silent", "--no-audit");
    const swagpu = (...args: string[]) =>
      succeed(place, `${path}/npx`, "--no-install", "swagpu", ...args);

    await t.step("is packed and installed", async () => {
      const name = await npm("pack", built, "--pack-destination", folder);
      await write("package.json", `{ "type": "module" }`);
      await npm("install", `${folder}/${name.trim()}`);
      await write("train.js", SCRIPT);
    });

    await t.step("says what to install where WebGPU is missing", async () => {
      const { code, err } = await node("train.js");
      assertEquals(code, 1);
      assertStringIncludes(err, "npm install webgpu");
    });

    await t.step("trains two steps with Dawn", async () => {
      await npm("install", `webgpu@${versionOf("webgpu")}`);
      const { code, out, err } = await node("train.js");
      assertEquals(code, 0, err);
      const expected = { falls: true, probabilities: 4, isSame: true };
      assertEquals(JSON.parse(out), expected);
    });

    await t.step(
      "is loaded by require(), and tells names and lines",
      async () => {
        await write("old.cjs", oldProgram());
        const { code, out, err } = await node(
          "--enable-source-maps",
          "old.cjs",
        );
        assertEquals([code, out.replace(/\s+/g, " ")], [
          1,
          SHOWN.replace(/\s+/g, " "),
        ], err);
        assertMatch(err, /at tensor \(.*engine\/ops\/creation\.ts:\d+:\d+\)/);
      },
    );

    await t.step("gives a bundler only what a page uses", async () => {
      await Deno.copyFile(PROGRAM, `${cwd}/page.ts`);
      try {
        const { outputFiles, warnings } = await esbuild.build({
          absWorkingDir: cwd,
          entryPoints: ["page.ts"],
          bundle: true,
          minify: true,
          format: "esm",
          target: "es2022",
          supported: { using: false },
          write: false,
        });
        assertEquals(warnings, []);
        const [page] = outputFiles;
        assert(page);
        assertLess(gzipSync(page.contents).length, 110_000);
      } finally {
        await esbuild.stop();
      }
    });

    await t.step(
      "has types for every door, whatever the settings",
      async () => {
        await npm("install", `typescript@${versionOf("typescript")}`);
        await write("consumer.ts", consumer());
        const settings = [
          ["es2022", "nodenext", "nodenext"],
          ["esnext,dom", "nodenext", "nodenext"],
          ["es2022", "esnext", "bundler"],
        ] as const;
        for (const [lib, module, resolution] of settings) {
          const { code, out } = await node(
            "node_modules/typescript/bin/tsc",
            ...["--noEmit", "--strict", "--exactOptionalPropertyTypes"],
            ...["--module", module, "--moduleResolution", resolution],
            ...["--target", "es2022", "--lib", lib],
            ...["--skipLibCheck", "false", "consumer.ts"],
          );
          assertEquals(code, 0, `${lib} ${resolution}\n${out}`);
        }
      },
    );

    const options = [
      ...["--data", "train.csv", "--eval", "test.csv", "--swag"],
      ...["--init", "small.json", "--tokenizer", "tokenizer"],
      ...["--epochs", "4", "--batch-size", "8"],
    ];

    await t.step("fine-tunes, evaluates, predicts and reports", async () => {
      await write("train.csv", reviews(24));
      await write("test.csv", reviews(8));
      await write("small.json", JSON.stringify(CONFIG));
      await swagpu(
        ...["train-tokenizer", "--data", "train.csv", "--type", "wordpiece"],
        ...["--output", "tokenizer"],
      );
      const trained = await swagpu("finetune", ...options, "--output", "model");
      assertMatch(trained, /^Saved model after 12 steps/m);
      assertMatch(trained, /^SWAG +\d/m);
      const scores = await swagpu(
        ...["evaluate", "--model", "model", "--data", "test.csv"],
      );
      assertMatch(scores, /^SWAG +\d/m);
      const answer = await swagpu(
        ...["predict", "--model", "model", "--text", "the film was good"],
      );
      assertMatch(answer, /\b(pos|neg)\b/);
      await swagpu("report", "--model", "model", "--data", "test.csv");
      const report = await Deno.readTextFile(`${cwd}/model/report.html`);
      assertMatch(report, /<svg/);
    });

    await t.step("says why the hub cannot be reached", async () => {
      const env = {
        ...{ ...place.env, HF_HOME: `${cwd}/hub`, HF_TOKEN: "" },
        ...{ HF_ENDPOINT: "http://localhost:59999", NODE_USE_ENV_PROXY: "0" },
        https_proxy: "http://localhost:59998",
      };
      const words = ["predict", "--model", "some/model", "--text", "good"];
      const program = `node_modules/${PROJECT.name}/${PROGRAM_FILE}`;
      const { code, err } = await run(
        { cwd, env },
        ...[`${path}/node`, program, ...words] as const,
      );
      assertEquals(code, 1);
      assertMatch(err, /cannot be reached \(fetch failed: .*ECONNREFUSED/);
      assertMatch(
        err,
        /; Node\.js ignores https_proxy unless NODE_USE_ENV_PROXY/,
      );
    });

    /** Starts the command line, and waits until a folder has a checkpoint. */
    const begin = async (output: string, ...words: string[]) => {
      const child = new Deno.Command(`${path}/node`, {
        args: [`node_modules/${PROJECT.name}/${PROGRAM_FILE}`, ...words],
        ...{ cwd, env: place.env, stdin: "null" },
        ...{ stdout: "null", stderr: "null" },
      }).spawn();
      const isThere = () =>
        Deno.stat(`${cwd}/${output}/checkpoint-2`).then(
          () => true,
          () => false,
        );
      const ended = child.status.then(() => true);
      const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
      while (!await isThere() && !await Promise.race([ended, pause()]));
      return child;
    };

    await t.step(
      "goes on with a run that was killed, bit for bit",
      async () => {
        const output = ["--output", "cut", "--save-every", "1"];
        await using cut = await begin("cut", "finetune", ...options, ...output);
        cut.kill("SIGKILL");
        assertEquals((await cut.status).signal, "SIGKILL");
        assert(names(`${cwd}/cut`).includes(".finetune.lock"));
        await swagpu("finetune", ...options, ...output, "--resume");
        assert(!names(`${cwd}/cut`).includes(".finetune.lock"));
        for (const file of ["model.safetensors", "swag.safetensors"]) {
          const whole = await Deno.readFile(`${cwd}/model/${file}`);
          assertEquals(await Deno.readFile(`${cwd}/cut/${file}`), whole, file);
        }
      },
    );

    await t.step("saves what there is at a signal", async () => {
      await using child = await begin(
        ...["long", "finetune", ...options, "--save-every", "1"] as const,
        ...["--epochs", "100000", "--output", "long"],
      );
      child.kill("SIGINT");
      assertEquals((await child.status).code, 130);
      assert(names(`${cwd}/long`).includes("model.safetensors"));
    });

    await t.step({
      name: "says what it cannot print",
      ignore: Deno.build.os !== "linux", // Others have no /dev/full.
      async fn() {
        const print = "node_modules/.bin/swagpu --version > /dev/full";
        const { code, err } = await run(place, `${path}/sh`, "-c", print);
        const error = "Cannot write standard output: No space left on device";
        assertEquals([code, err], [1, `error: ${error}\n`]);
      },
    });
  });
});
