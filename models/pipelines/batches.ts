// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From texts to rows of tokens, and from rows to the outputs of a model. Rows of
// similar length are computed in one batch. A few batches are computed while
// earlier ones are read: in Deno a read takes 10 ms at least, in which a GPU would
// have nothing to do.

import { noGrad, readAll, scope, type Tensor } from "../../engine/mod.ts";
import { persist } from "../../engine/kernel_kit.ts";
import { batches } from "../../nn/mod.ts";
import { batchInputs, paddedLength, type TokenRow } from "../batch.ts";
import type { EncoderInputs } from "../io.ts";
import type { Encoding, Tokenizer, TokenizerInput } from "../tokenizer/mod.ts";
import type { AnyModel, PipelineSetup, TruncatedOptions } from "./base.ts";

/** The outputs of a model for one batch. */
export interface Scored {
  /** The indices of the rows that the batch holds. */
  readonly rows: readonly number[];
  /** The length to which the rows were padded. */
  readonly length: number;
  /** The values of each tensor that was computed. */
  readonly outputs: readonly Float32Array[];
}

/** Computes the tensors of a batch that are to be read. */
export type Compute = (
  inputs: EncoderInputs,
  batch: Omit<Scored, "outputs">,
) => Tensor[];

/** The most tokens that a row may have. */
export function longestRow({ config }: AnyModel, tokenizer: Tokenizer): number {
  return Math.min(tokenizer.modelMaxLength, config.maxTokens);
}

/**
 * The argument of a pipeline as a list of texts.
 *
 * @throws {TypeError} If it is neither a text nor a list of texts.
 */
export function textsOf(
  task: string,
  input: string | readonly string[],
): readonly string[] {
  if (typeof input === "string") return [input];
  const wrong = Array.isArray(input)
    ? input.find((text) => typeof text !== "string")
    : input;
  if (wrong === undefined && Array.isArray(input)) return input;
  throw new TypeError(
    `Cannot run ${task} on ${JSON.stringify(wrong) ?? typeof wrong}: ` +
      "expected a text, or a list of texts",
  );
}

/**
 * Tokenizes texts or pairs.
 *
 * @throws {RangeError} If one has more tokens than the model supports and may
 * not be truncated.
 */
export function encodeAll(
  { model, tokenizer }: Pick<PipelineSetup<AnyModel>, "model" | "tokenizer">,
  inputs: readonly TokenizerInput[],
  options: TruncatedOptions & { addSpecialTokens?: boolean | undefined },
): Encoding[] {
  const { addSpecialTokens = true, maxLength } = options;
  const { truncation = maxLength !== undefined } = options;
  const limit = maxLength ?? longestRow(model, tokenizer);
  const cut = truncation === false || limit === Infinity ? {} : {
    maxLength: limit,
    truncation: truncation === true ? "longest_first" as const : truncation,
  };
  const { maxTokens } = model.config;
  return inputs.map((input) => {
    const encoding = tokenizer.encode(input, { addSpecialTokens, ...cut });
    const { length } = encoding.inputIds;
    if (length <= maxTokens) return encoding;
    throw new RangeError(
      `Cannot encode ${length} tokens: the model supports ${maxTokens} ` +
        "positions, set truncation to drop the rest",
    );
  });
}

/** Groups rows of similar length into batches, each with its longest length. */
export function* likeLengths(
  all: readonly TokenRow[],
  batchSize: number,
): Generator<{ rows: number[]; longest: number }> {
  const lengths = all.map(({ inputIds }) => inputIds.length);
  const bucketBatches = Math.ceil(all.length / batchSize) || 1;
  const options = { lengths, bucketBatches };
  for (const batch of batches(all.length, batchSize, options)) {
    const rows = [...batch];
    const longest = Math.max(1, ...rows.map((row) => lengths[row] ?? 0));
    yield { rows, longest };
  }
}

/** The most batches that may wait to be read. */
const MOST_READS = 4;

/** The bytes of outputs beyond which no second batch waits to be read. */
const MOST_BYTES = 64 * 2 ** 20;

/** A batch that has been computed and is being read. */
interface Reading {
  readonly batch: Omit<Scored, "outputs">;
  readonly bytes: number;
  readonly outputs: Promise<Float32Array[]>;
}

/**
 * Runs a model over rows, batch by batch, with rows of similar length together.
 *
 * On the device, only what is being read outlives its batch, and scopes are
 * closed before the wait, so that several pipelines may run at once.
 */
export async function* scored(
  { model, tokenizer, batchSize }: PipelineSetup<AnyModel>,
  all: readonly TokenRow[],
  compute: Compute,
): AsyncGenerator<Scored> {
  const limit = longestRow(model, tokenizer);
  checkKnown(model, tokenizer, all);
  const reading: Reading[] = [];
  const isFull = () =>
    reading.length > MOST_READS ||
    reading.length > 1 &&
      reading.reduce((sum, { bytes }) => sum + bytes, 0) > MOST_BYTES;
  const oldest = async function* () {
    const first = reading.shift();
    if (first) yield { ...first.batch, outputs: await first.outputs };
  };
  try {
    for (const { rows, longest } of likeLengths(all, batchSize)) {
      const batch = { rows, length: paddedLength(longest, { limit }) };
      const tensors = evaluated(() =>
        compute(
          batchInputs(rows.flatMap((row) => all[row] ?? []), {
            length: batch.length,
            padTokenId: tokenizer.padTokenId,
            usesPacking: model.usesPacking,
          }),
          batch,
        )
      );
      const outputs = read(tensors);
      // An error is thrown where the batch's turn comes.
      outputs.catch(() => {});
      const bytes = tensors.reduce((sum, x) => sum + x.bytes, 0);
      reading.push({ batch, bytes, outputs });
      while (isFull()) yield* oldest();
    }
    while (reading.length > 0) yield* oldest();
  } finally {
    await Promise.allSettled(reading.map(({ outputs }) => outputs));
  }
}

/** @throws {RangeError} If a token has no embedding in the model. */
function checkKnown(
  { config }: AnyModel,
  tokenizer: Tokenizer,
  rows: readonly TokenRow[],
): void {
  const { vocab_size: size } = config.toJSON();
  if (typeof size !== "number" || tokenizer.vocabSize <= size) return;
  for (const { inputIds } of rows) {
    const unknown = inputIds.find((id) => id >= size);
    if (unknown === undefined) continue;
    throw new RangeError(
      `Cannot encode "${tokenizer.idToToken(unknown)}": it is token ` +
        `${unknown}, and the model has ${size} tokens`,
    );
  }
}

/** Reads tensors with one wait, and frees them. */
async function read(tensors: readonly Tensor[]): Promise<Float32Array[]> {
  try {
    return await readAll(tensors);
  } finally {
    for (const x of tensors) x.dispose();
  }
}

function evaluated(compute: () => Tensor[]): Tensor[] {
  using _ = scope();
  return noGrad(compute).map((x) => persist(x));
}
