// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The limits of what a configuration may ask for. A file of a few bytes can ask
// for a model of any size, and building that would fill the memory before its
// weights, whose sizes differ, are read.

import type { StateSource } from "../../nn/mod.ts";
import type { ConfigReader } from "./config_reader.ts";

/** Fields that are the length of a parameter's axis. */
const LENGTHS: readonly string[] = [
  "vocab_size",
  "decoder_vocab_size",
  "hidden_size",
  "d_model",
  "intermediate_size",
  "encoder_ffn_dim",
  "decoder_ffn_dim",
  "max_position_embeddings",
  "type_vocab_size",
  "num_labels",
];

/** Fields that are a number of blocks. */
const DEPTHS: readonly string[] = [
  "num_hidden_layers",
  "encoder_layers",
  "decoder_layers",
];

/** Lengths up to this need no weights, because a new head may be so wide. */
const FREE_LENGTH = 65_536;
/** Up to this many blocks need no weights. */
const FREE_DEPTH = 256;
/** The most numbers that new parameters may add to a checkpoint, 512 MiB. */
const FREE_NUMBERS = 2 ** 27;
/** The most blocks of any model. */
const MOST_BLOCKS = 10_000;
/** The most numbers in the parameters of any model, 32 GiB. */
const MOST_NUMBERS = 2 ** 33;

type Fields = Readonly<Record<string, unknown>>;

/** The weights from which a model will be loaded. */
export interface Checkpoint extends Pick<StateSource, "names" | "info"> {
  /** The path of the weights, for errors. */
  readonly path: string;
}

/**
 * Compares the sizes that a configuration asks for with those of the weights,
 * before the model is built. A length may be four times the longest axis of the
 * weights, and 65,536 in any case, which leaves room for new heads and other
 * vocabularies. The model may have four times as many numbers as the weights,
 * plus 134,217,728.
 *
 * @param reader The fields of the file. If none of them is a length or a number
 * of blocks, the model's size is not checked.
 * @param fields All fields, including defaults.
 * @throws {RangeError} If a field is far beyond the sizes of the weights.
 */
export function checkAgainstWeights(
  reader: ConfigReader,
  fields: Fields,
  weights: Checkpoint,
): void {
  const { source } = reader;
  const names = [...weights.names];
  const shapes = names.map((name) => weights.info(name).shape);
  const longest = shapes.flat().reduce((a, b) => Math.max(a, b), 0);
  const refuse = (what: string, there: string): never => {
    throw new RangeError(
      `Cannot load ${source}: ${what}, and ${weights.path} has ${there}`,
    );
  };
  const given = (name: string) => numberOf(reader.fields, name);
  for (const name of LENGTHS) {
    // If there are names of labels, their number counts instead.
    if (name === "num_labels" && reader.has("id2label")) continue;
    if (name === "max_position_embeddings" && isRotary(fields)) continue;
    if (given(name) > Math.max(4 * longest, FREE_LENGTH)) {
      refuse(`${name} is ${given(name)}`, `${longest} in its longest axis`);
    }
  }
  for (const name of DEPTHS) {
    if (given(name) > Math.max(names.length, FREE_DEPTH)) {
      refuse(`${name} is ${given(name)}`, `${names.length} tensors`);
    }
  }
  if (![...LENGTHS, ...DEPTHS].some((name) => given(name) > 0)) return;
  const there = shapes.reduce(
    (sum, shape) => sum + shape.reduce((n, length) => n * length, 1),
    0,
  );
  const asked = estimate(fields);
  if (asked <= 4 * there + FREE_NUMBERS) return;
  refuse(
    `${described(fields)} make about ${Math.round(asked)} numbers`,
    String(there),
  );
}

/**
 * Refuses the configurations of impossibly large models: more than 10,000 blocks,
 * or parameters of more than 32 GiB.
 *
 * @param fields All fields, including defaults.
 * @throws {RangeError} If the model would be larger.
 */
export function checkSize(fields: Fields): void {
  const deep = DEPTHS.find((name) => numberOf(fields, name) > MOST_BLOCKS);
  if (deep !== undefined) {
    throw new RangeError(
      `Cannot build a model: ${deep} is ${
        fields[deep]
      }, and the most is ${MOST_BLOCKS} blocks`,
    );
  }
  const asked = estimate(fields);
  if (asked <= MOST_NUMBERS) return;
  throw new RangeError(
    `Cannot build a model: ${described(fields)} make about ${
      Math.round(asked * 4 / 2 ** 30)
    } GiB of parameters, and the most is ${MOST_NUMBERS * 4 / 2 ** 30}`,
  );
}

/** Estimates how many numbers the parameters hold; biases are left out. */
function estimate(fields: Fields): number {
  const of = (name: string) => numberOf(fields, name);
  const width = of("hidden_size") || of("d_model");
  const block = (inner: number) => 4 * width * width + 2 * width * inner;
  const blocks = fields.encoder_layers === undefined
    ? of("num_hidden_layers") * block(of("intermediate_size"))
    : of("encoder_layers") * block(of("encoder_ffn_dim")) +
      of("decoder_layers") * block(of("decoder_ffn_dim"));
  const rows = of("vocab_size") + of("decoder_vocab_size") +
    of("type_vocab_size") + of("num_labels") + labelsOf(fields) +
    (isRotary(fields) ? 0 : of("max_position_embeddings"));
  return blocks + rows * width;
}

function labelsOf({ id2label }: Fields): number {
  return typeof id2label === "object" && id2label !== null
    ? Object.keys(id2label).length
    : 0;
}

/** Whether positions are rotary, so that there is no table to limit them. */
function isRotary(fields: Fields): boolean {
  return fields.model_type === "modernbert";
}

function numberOf(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === "number" && value > 0 ? value : 0;
}

function described(fields: Fields): string {
  return [...LENGTHS, ...DEPTHS]
    .filter((name) => numberOf(fields, name) > 0)
    .map((name) => `${name} ${fields[name]}`)
    .join(", ");
}
