// Copyright 2026 the swagpu authors. MIT license.

/**
 * Kills processes that replace an earlier save. At whatever moment that happens, the
 * folder must then hold one of the two saves as a whole.
 *
 * As a program, this file is the process that saves and is killed.
 *
 * @module
 */

import { loadModel } from "../../cli/load_model.ts";
import { textClassification } from "../../cli/tasks/text_classification.ts";
import { saveLoaded } from "../../cli/save.ts";
import { initialize, manualSeed, readAll } from "../../engine/mod.ts";
import {
  BertConfig,
  BertForSequenceClassification,
  GenerationConfig,
  Tokenizer,
} from "../../models/mod.ts";
import type { Module } from "../../nn/mod.ts";
import { SwagModel } from "../../swag/mod.ts";
import { Finding, type Fuzzer, type Outcome, type Random } from "./fuzzer.ts";

/** A kind of save. Two saves of different kinds have no equal file. */
interface Save {
  /** Decides the weights. */
  seed: number;
  /** A value of the configuration. Weights do not load with another value. */
  intermediateSize: number;
  /** Whether the weights are in parts. */
  parts: boolean;
  /** Whether a posterior is saved beside them. */
  posterior: boolean;
  /** Whether the tokenizer uses WordPiece, or byte-level BPE. */
  wordPiece: boolean;
  /** Whether there is a generation configuration. */
  generates: boolean;
}

const WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"];
const BYTES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "g", "o"];

function tokenizerOf({ wordPiece, seed }: Save): Tokenizer {
  return new Tokenizer(
    new Map(
      wordPiece ? [["vocab.txt", `${WORDS.join("\n")}\nword${seed}\n`]] : [
        [
          "vocab.json",
          JSON.stringify(
            Object.fromEntries([...BYTES, `w${seed}`].map((b, i) => [b, i])),
          ),
        ],
        ["merges.txt", "#version: 0.2\n"],
      ],
    ),
  );
}

/** Builds a model and saves it. */
async function save(folder: string, kind: Save): Promise<void> {
  await initialize();
  manualSeed(kind.seed);
  const tokenizer = tokenizerOf(kind);
  const model = new BertForSequenceClassification(
    new BertConfig({
      hiddenSize: 8,
      intermediateSize: kind.intermediateSize,
      maxPositionEmbeddings: 8,
      numAttentionHeads: 2,
      numHiddenLayers: 1,
      numLabels: 2,
      vocabSize: 8,
    }),
  );
  if (kind.generates) {
    model.generationConfig = new GenerationConfig({ maxLength: kind.seed + 1 });
  }
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 2 });
  if (kind.posterior) swag.collectModel();
  if (!kind.parts) {
    return await saveLoaded(folder, { model, tokenizer, swag });
  }
  await model.savePretrained(folder, {
    tokenizer,
    maxShardSize: 800,
    alongside: {
      "swag.safetensors": kind.posterior ? (path) => swag.save(path) : null,
    },
  });
}

/** The SHA-256 of a model's weights, as a text. */
async function digestOf(model: Module): Promise<string> {
  const values = await readAll(model.parameters()) as BlobPart[];
  const bytes = await new Blob(values).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).join(" ");
}

/** Loads a folder and describes its contents as a text, to compare folders. */
async function contentOf(folder: string): Promise<string> {
  const { model, tokenizer, swag } = await loadModel(
    textClassification,
    folder,
  );
  try {
    const moments = await swag?.moments();
    return JSON.stringify({
      weights: await digestOf(model),
      config: model.config.toString(),
      tokens: tokenizer.encode("good wo").inputIds,
      vocabulary: tokenizer.decode([7]),
      generation: model.generationConfig?.maxLength ?? null,
      posterior: [...moments?.get("classifier.bias")?.mean ?? []],
    });
  } finally {
    swag?.dispose();
    model.dispose();
  }
}

/** Ends this process before its `count`-th operation on files. */
function killBefore(count: number): void {
  let left = count;
  const names = ["rename", "remove", "open", "mkdir", "lstat"] as const;
  const host = Deno as unknown as Record<
    string,
    (...args: unknown[]) => unknown
  >;
  const strike = () => {
    if (--left <= 0) Deno.kill(Deno.pid, "SIGKILL");
  };
  for (const name of names) {
    const original = host[name];
    if (!original) continue;
    host[name] = (...args) => {
      strike();
      return original(...args);
    };
  }
  const { write } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.write = function (bytes) {
    strike();
    return write.call(this, bytes);
  };
}

let root = "";
const folders: string[] = [];
const contents: string[] = [];
const KINDS: Save[] = [0, 1, 2, 3, 4, 5, 6, 7].map((seed) => ({
  seed,
  intermediateSize: seed % 4 === 3 ? 12 : 8,
  parts: [false, true, false, true, true, false, false, true][seed] ?? false,
  posterior: [true, false, false, true, true, true, false, false][seed] ??
    false,
  wordPiece: seed % 3 !== 2,
  generates: seed % 2 === 1,
}));

function kindOf(index: number): Save {
  const kind = KINDS[index];
  if (kind === undefined) throw new RangeError(`Cannot save kind ${index}`);
  return kind;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Saves in a new process that is killed, and returns whether it was. */
async function killedSave(
  folder: string,
  kind: Save,
  count: number,
): Promise<boolean> {
  const { signal, success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", import.meta.filename ?? ""],
      ...[folder, JSON.stringify(kind), String(count)],
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success || signal === "SIGKILL") return !success;
  throw new Error(new TextDecoder().decode(stderr));
}

/** Runs one or several saves that are killed at a random operation. */
export const fuzzer: Fuzzer = {
  name: "kills",
  description: "Saves over an earlier save that are killed at any operation",
  short: 4,
  limit: 60,
  async prepare() {
    root = await Deno.makeTempDir();
    for (const [i, kind] of KINDS.entries()) {
      const folder = `${root}/kind-${i}`;
      await save(folder, kind);
      folders.push(folder);
      contents.push(await contentOf(folder));
    }
    if (new Set(contents).size !== KINDS.length) {
      throw new Error("Cannot tell the saves apart: some load alike");
    }
  },
  async clean() {
    await Deno.remove(root, { recursive: true });
    folders.length = 0;
    contents.length = 0;
  },
  async trial(random: Random): Promise<Outcome> {
    const folder = `${root}/trial`;
    let held = random.integer(0, KINDS.length);
    await copyFolder(folders[held] ?? "", folder);
    await Deno.writeTextFile(`${folder}/README.md`, "of the user");
    const story = [`kind ${held}`];
    let killed = false;
    try {
      const saves = random.integer(1, 4);
      let possible = [held];
      for (let i = 0; i < saves; i++) {
        const next = random.integer(0, KINDS.length);
        const count = random.integer(1, 170);
        killed = await killedSave(folder, kindOf(next), count);
        story.push(`kind ${next} killed before operation ${count}: ${killed}`);
        possible = killed ? [...possible, next] : [next];
        if (i + 1 < saves && random.next() < 0.5) continue;
        let content: string;
        try {
          content = await contentOf(folder);
        } catch (error) {
          content = String(error);
        }
        held = possible.find((kind) => contents[kind] === content) ?? -1;
        const others = await Deno.readTextFile(`${folder}/README.md`);
        if (held < 0 || others !== "of the user") {
          throw new Finding(
            "wrong result",
            `${story.join(", ")}: the folder loads as ${content}`,
          );
        }
        possible = [held];
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    return killed ? "refused" : "accepted";
  },
};

if (import.meta.main) {
  const [folder = "", kind = "{}", count = "1"] = Deno.args;
  killBefore(Number(count));
  await save(folder, JSON.parse(kind));
  Deno.exit(0);
}
