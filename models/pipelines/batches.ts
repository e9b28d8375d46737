// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From rows of tokens to what a model says of them: batches of like length,
// one wait for each, results by row.

import { noGrad, readAll, scope, type Tensor } from "../../engine/mod.ts";
import { persist } from "../../engine/kernel_kit.ts";
import { batches } from "../../nn/mod.ts";
import { batchInputs, type TokenRow } from "../batch.ts";
import type { EncoderInputs } from "../io.ts";
import type {
  Encoding,
  Tokenizer,
  TokenizerInput,
} from "../tokenizer/tokenizer.ts";
import type {
  AnyModel,
  Pipeline,
  PipelineSetup,
  TruncatedOptions,
} from "./types.ts";

/** Padded lengths are multiples of this, so that few shapes occur. */
const LENGTH_STEP = 8;

const EMPTY: TokenRow = { inputIds: [], tokenTypeIds: [] };

/** What a model said of a batch. */
export interface Scored {
  /** Which rows the batch holds. */
  readonly rows: readonly number[];
  /** The length that they were filled up to. */
  readonly length: number;
  /** The numbers of each tensor that was asked for. */
  readonly outputs: readonly Float32Array[];
}

/** What is asked of a model for a batch. */
export type Compute = (
  inputs: EncoderInputs,
  batch: Omit<Scored, "outputs">,
) => Tensor[];

/** Makes a function into a pipeline. */
export function callable<M extends AnyModel, P extends Pipeline<M>>(
  { task, model, tokenizer, owned }: PipelineSetup<M>,
  call: (input: never, options: never) => Promise<unknown>,
): P {
  model.eval();
  function dispose(): void {
    if (owned) model.dispose();
  }
  return Object.assign(call, {
    task,
    model,
    tokenizer,
    dispose,
    [Symbol.dispose]: dispose,
  }) as unknown as P;
}

/** Tokens that a row may have. */
export function longestRow({ config }: AnyModel, tokenizer: Tokenizer): number {
  return Math.min(tokenizer.modelMaxLength, config.maxTokens);
}

/**
 * What a pipeline was called with, as a list of texts.
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
 * The tokens of texts or pairs.
 *
 * @throws {RangeError} If one is longer than the model takes, and may not lose
 * its end.
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
      `Cannot encode ${length} tokens: the model knows ${maxTokens} places, ` +
        "set truncation to leave the rest out",
    );
  });
}

/** Which rows make up each batch: those of like length, and the longest. */
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

/**
 * Runs a model over rows, batch by batch, rows of like length together.
 *
 * Nothing on the device outlives its batch but what is being read, and scopes
 * are closed before the wait, so that several pipelines may run at once.
 */
export async function* scored(
  { model, tokenizer, batchSize }: PipelineSetup<AnyModel>,
  all: readonly TokenRow[],
  compute: Compute,
): AsyncGenerator<Scored> {
  const limit = longestRow(model, tokenizer);
  checkKnown(model, tokenizer, all);
  for (const { rows, longest } of likeLengths(all, batchSize)) {
    const rounded = Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP;
    const batch = { rows, length: Math.max(longest, Math.min(rounded, limit)) };
    const outputs = await read(() =>
      compute(
        batchInputs(rows.map((row) => all[row] ?? EMPTY), {
          length: batch.length,
          padTokenId: tokenizer.padTokenId,
          usesPacking: model.usesPacking,
        }),
        batch,
      )
    );
    yield { ...batch, outputs };
  }
}

/**
 * Throws if the tokenizer gave a token that the model has no row for.
 *
 * @throws {RangeError} If there is one.
 */
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
        `${unknown}, and the model knows ${size}`,
    );
  }
}

/** Computes tensors and reads them with one wait. */
async function read(compute: () => Tensor[]): Promise<Float32Array[]> {
  const tensors = evaluated(compute);
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
