// Copyright 2026 the swagpu authors. MIT license.

/**
 * Damages files of a model. Each folder must load and work, or be refused with an error
 * that names the file and the reason, in bounded time and memory.
 *
 * @module
 */

import { loadModel } from "../../cli/load_model.ts";
import { textClassification } from "../../cli/tasks/text_classification.ts";
import { saveLoaded } from "../../cli/save.ts";
import { initialize, manualSeed, noGrad, scope } from "../../engine/mod.ts";
import {
  batchInputs,
  BertConfig,
  BertForSequenceClassification,
  GenerationConfig,
  Tokenizer,
} from "../../models/mod.ts";
import { openPyTorch } from "../../nn/mod.ts";
import { SwagModel } from "../../swag/mod.ts";
import {
  Finding,
  type Fuzzer,
  isInternal,
  type Outcome,
  type Random,
} from "./fuzzer.ts";

const CHECKPOINTS =
  new URL("../../tests/fixtures/checkpoints/", import.meta.url).pathname;
const ARCHIVES = ["zip.bin", "zip64.bin", "legacy.bin", "torch_1_13.bin"];
/** The bytes by which a trial with such small files must not increase memory. */
const MEMORY = 2 ** 30;

/** Values that no writer of such files would intend. */
const ODD: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  1,
  2,
  3,
  7,
  1e4,
  1e7,
  1e9,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e308,
  -1e9,
  "",
  "x",
  "[PAD]",
  "\ud800",
  "../x",
  "0",
  "__proto__",
  [],
  {},
  [[]],
  [null],
  { x: 1 },
  [1, 2, 3],
];

/** Unusual texts that replace a value. */
const ODD_TEXTS: readonly string[] = [
  "NaN",
  "Infinity",
  "-Infinity",
  "1e999",
  "-0",
  "0.0",
  "123456789012345678901234567890",
  "[".repeat(5000) + "]".repeat(5000),
  '{"a":'.repeat(5000) + "1" + "}".repeat(5000),
  `"${"x".repeat(100_000)}"`,
  `[${"0,".repeat(10_000)}0]`,
];

const MARK = "the value of the fuzzer";

/** Finds all parts of a JSON value, each as a function that replaces the part. */
function places(value: unknown): ((put: unknown) => void)[] {
  const found: ((put: unknown) => void)[] = [];
  const walk = (inner: unknown): void => {
    if (typeof inner !== "object" || inner === null) return;
    const own = inner as Record<string, unknown>;
    const keys = Object.keys(own);
    // A few words of a vocabulary are enough.
    for (const key of keys.length > 40 ? keys.slice(0, 20) : keys) {
      found.push((put) => {
        if (put !== undefined) own[key] = put;
        else if (Array.isArray(own)) own.splice(Number(key), 1);
        else delete own[key];
      });
      walk(own[key]);
    }
  };
  walk(value);
  return found;
}

/** Changes one or several values of a JSON text, or its characters. */
function damageJson(text: string, random: Random): string {
  if (random.next() < 0.15) {
    const bytes = damageBytes(new TextEncoder().encode(text), random);
    return new TextDecoder().decode(bytes);
  }
  const value = JSON.parse(text);
  const all = places(value);
  for (let n = random.integer(1, 4); n > 0 && all.length > 0; n--) {
    const roll = random.next();
    const put = random.pick(all);
    if (roll < 0.15) put(undefined);
    else if (roll < 0.35) put(MARK);
    else put(structuredClone(random.pick(ODD)));
  }
  if (random.next() < 0.05) return JSON.stringify(random.pick(ODD));
  return JSON.stringify(value).replaceAll(
    `"${MARK}"`,
    () => random.pick(ODD_TEXTS),
  );
}

/** Cuts, repeats, flips or overwrites bytes. */
function damageBytes(
  bytes: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  let own = Uint8Array.from(bytes);
  for (let n = random.integer(1, 4); n > 0; n--) {
    if (own.length === 0) return own;
    // The first bytes matter most.
    const end = random.next() < 0.5 ? Math.min(200, own.length) : own.length;
    const at = random.integer(0, end);
    const length = random.integer(1, 40);
    const roll = random.next();
    if (roll < 0.3) own[at] = (own[at] ?? 0) ^ (1 << random.integer(0, 8));
    else if (roll < 0.5) own[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, 0x7d]);
    else if (roll < 0.6) own.fill(random.pick([0, 0xff]), at, at + length);
    else if (roll < 0.75) own = own.slice(0, at);
    else if (roll < 0.9) {
      own = Uint8Array.from([
        ...own.subarray(0, at + length),
        ...own.subarray(at),
      ]);
    } else {
      own = Uint8Array.from([
        ...own.subarray(0, at),
        ...own.subarray(at + length),
      ]);
    }
  }
  return own;
}

/** Changes the header of a safetensors file, but not its data. */
function damageHeader(
  bytes: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = Number(view.getBigUint64(0, true));
  const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const other = new TextEncoder().encode(damageJson(header, random));
  const file = new Uint8Array(8 + other.length + bytes.length - 8 - length);
  new DataView(file.buffer).setBigUint64(0, BigInt(other.length), true);
  file.set(other, 8);
  file.set(bytes.subarray(8 + length), 8 + other.length);
  return file;
}

const VOCABULARY =
  "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\n##ly\nfilm\n";

async function makeModel(folder: string, parts: boolean): Promise<void> {
  manualSeed(1);
  const tokenizer = new Tokenizer(new Map([["vocab.txt", VOCABULARY]]));
  const model = new BertForSequenceClassification(
    new BertConfig({
      hiddenSize: 8,
      intermediateSize: 8,
      maxPositionEmbeddings: 8,
      numAttentionHeads: 2,
      numHiddenLayers: 1,
      numLabels: 2,
      vocabSize: tokenizer.vocabSize,
    }),
  );
  model.generationConfig = new GenerationConfig({ maxLength: 5, numBeams: 2 });
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 2 });
  swag.collectModel();
  if (parts) {
    await model.savePretrained(folder, {
      tokenizer,
      maxShardSize: 1000,
      alongside: { "swag.safetensors": (path) => swag.save(path) },
    });
  } else {
    await saveLoaded(folder, { model, tokenizer, swag });
  }
  await Deno.writeTextFile(
    `${folder}/added_tokens.json`,
    JSON.stringify({ "[PAD]": 0, film: 8 }),
  );
  swag.dispose();
  model.dispose();
}

/** Loads a folder as the command line does, and uses the model. */
async function use(folder: string): Promise<void> {
  const { model, tokenizer, swag } = await loadModel(
    textClassification,
    folder,
  );
  try {
    const rows = ["good film", "bad"].map((text) =>
      tokenizer.encode(text, { truncation: "longest_first", maxLength: 8 })
    );
    using _ = scope();
    await noGrad(() => model.forward(batchInputs(rows)).logits).data();
    if (swag && swag.nModels > 0) {
      swag.sampleParameters({ seed: 1 });
      swag.restoreWeights();
    }
  } finally {
    swag?.dispose();
    model.dispose();
  }
}

let root = "";
const models: Map<string, Uint8Array<ArrayBuffer>>[] = [];
const archives: Uint8Array<ArrayBuffer>[] = [];

/** Damages one file of a model, or one of PyTorch's archives. */
export const fuzzer: Fuzzer = {
  name: "files",
  description: "Damaged configurations, tokenizers, weights and posteriors",
  short: 40,
  limit: 10,
  async prepare() {
    root = await Deno.makeTempDir();
    await initialize();
    for (const [i, parts] of [false, true].entries()) {
      const folder = `${root}/model-${i}`;
      await makeModel(folder, parts);
      const files = new Map<string, Uint8Array<ArrayBuffer>>();
      for await (const { name } of Deno.readDir(folder)) {
        files.set(name, await Deno.readFile(`${folder}/${name}`));
      }
      await use(folder);
      models.push(files);
    }
    for (const name of ARCHIVES) {
      archives.push(await Deno.readFile(CHECKPOINTS + name));
    }
  },
  async clean() {
    await Deno.remove(root, { recursive: true });
    models.length = archives.length = 0;
  },
  async trial(random: Random): Promise<Outcome> {
    const folder = `${root}/trial`;
    await Deno.mkdir(folder);
    const { rss } = Deno.memoryUsage();
    let damaged = "";
    const host = globalThis.console;
    const { warn } = host;
    host.warn = () => {};
    try {
      if (random.next() < 0.25) {
        damaged = "pytorch_model.bin";
        const path = `${folder}/${damaged}`;
        await Deno.writeFile(path, damageBytes(random.pick(archives), random));
        using file = await openPyTorch(path);
        for (const name of file.names) await file.tensor(name);
      } else {
        const files = new Map(random.pick(models));
        damaged = random.pick([...files.keys()]);
        const bytes = files.get(damaged) ?? new Uint8Array();
        const isText = /\.(json|txt)$/.test(damaged);
        files.set(
          damaged,
          damaged.endsWith(".json")
            ? new TextEncoder().encode(
              damageJson(new TextDecoder().decode(bytes), random),
            )
            : !isText && random.next() < 0.6
            ? damageHeader(bytes, random)
            : damageBytes(bytes, random),
        );
        if (random.next() < 0.1) files.delete(random.pick([...files.keys()]));
        for (const [name, content] of files) {
          await Deno.writeFile(`${folder}/${name}`, content);
        }
        await use(folder);
      }
      return "accepted";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const said = `${damaged}: ${
        error instanceof Error ? error.name : typeof error
      }: ${message.slice(0, 300)}`;
      if (isInternal(error)) throw new Finding("internal message", said);
      if (!message.includes(folder)) {
        throw new Finding("internal message", `no file in ${said}`);
      }
      return "refused";
    } finally {
      host.warn = warn;
      await Deno.remove(folder, { recursive: true });
      const more = Deno.memoryUsage().rss - rss;
      if (more > MEMORY) {
        // deno-lint-ignore no-unsafe-finally -- what it took is the finding
        throw new Finding("wrong result", `${damaged}: it took ${more} bytes`);
      }
    }
  },
};
