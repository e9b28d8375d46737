// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The options of generation change the scores of the next token, in the order of
// transformers. Each option that is set adds a processor, which launches kernels.
// The scores of a row depend on that row only.

import {
  allocate,
  grid,
  type Kernel,
  launch,
  persist,
  specialize,
} from "../../engine/kernel_kit.ts";
import {
  type AnyTensor,
  type Device,
  type IntegerTensor,
  logSoftmax,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import type { GenerationConfig } from "./generation_config.ts";
import {
  BIAS,
  EDIT,
  EDITS,
  FORCE,
  NGRAMS,
  REPETITION,
  SUPPRESS,
  THRESHOLD_PASSES,
  thresholdKernel,
  THRESHOLDS,
} from "./processor_kernels.ts";
import { rowForm, rowGrid } from "./row_kernels.ts";

/** The scores of one step. */
export interface Scores {
  /** The scores of the next token, `[rows, vocabulary]`, changed in place. */
  scores: Tensor;
  /** The tokens so far, `[rows, capacity]`. */
  readonly tokens: IntegerTensor;
  /** The number of tokens that rows have. */
  readonly length: number;
}

/** Changes the scores of the next token. */
export type LogitsProcessor = (step: Scores) => void;

/** What {@linkcode logitsProcessors} needs besides the configuration. */
export interface ProcessorContext {
  readonly device: Device;
  /** The number of tokens before the first new one. */
  readonly promptLength: number;
  /** The most tokens of a row, including the prompt's. */
  readonly maxLength: number;
  /** The tokens that end a row. */
  readonly eosTokenIds: readonly number[];
  /** Called with each table that the processors keep, to free it later. */
  readonly own: (table: AnyTensor) => void;
}

/** The processors of a configuration, in the order of transformers. */
export function logitsProcessors(
  config: GenerationConfig,
  context: ProcessorContext,
): LogitsProcessor[] {
  const { promptLength, maxLength, eosTokenIds } = context;
  const { sequenceBias, badWordsIds, suppressTokens, beginSuppressTokens } =
    config;
  const processors: LogitsProcessor[] = [];
  if (sequenceBias) processors.push(biasSequences(sequenceBias, context));
  if (config.repetitionPenalty !== 1) {
    processors.push(penalizeRepetition(config.repetitionPenalty));
  }
  if (config.noRepeatNgramSize > 0) {
    processors.push(forbidRepeatedNgrams(config.noRepeatNgramSize));
  }
  if (badWordsIds) processors.push(forbidWords(badWordsIds, context));
  if (eosTokenIds.length > 0) {
    const length = config.minNewTokens === null
      ? config.minLength
      : promptLength + config.minNewTokens;
    if (length > promptLength) {
      const forbid = suppress(eosTokenIds, context);
      processors.push((step) => step.length < length && forbid(step));
    }
  }
  if (config.forcedBosTokenId !== null) {
    processors.push(at(1, force([config.forcedBosTokenId], context)));
  }
  if (config.forcedEosTokenId !== null) {
    const forced = listOf(config.forcedEosTokenId);
    processors.push(at(maxLength - 1, force(forced, context)));
  }
  if (config.removeInvalidValues) processors.push(edit(EDITS.finite));
  if (suppressTokens) processors.push(suppress(suppressTokens, context));
  if (beginSuppressTokens) {
    const begin = promptLength > 1 || config.forcedBosTokenId === null
      ? promptLength
      : promptLength + 1;
    processors.push(at(begin, suppress(beginSuppressTokens, context)));
  }
  if (config.doSample) processors.push(...warpers(config, eosTokenIds.length));
  if (config.renormalizeLogits) processors.push(normalize);
  return processors;
}

/** The processors that restrict the tokens to sample from. */
function warpers(config: GenerationConfig, endings: number): LogitsProcessor[] {
  const { temperature, topK, topP, minP, numBeams } = config;
  // Other continuations must replace beams that end.
  const kept = numBeams > 1 ? Math.max(2, endings + 1) : 1;
  return [
    ...(temperature !== 1 ? [edit(EDITS.divide, temperature)] : []),
    ...(topK > 0
      ? [threshold(THRESHOLDS.topK, { kept: Math.max(topK, kept) })]
      : []),
    ...(topP < 1
      ? [threshold(THRESHOLDS.topP, { kept, share: 1 - topP })]
      : []),
    ...(minP !== null
      ? [threshold(THRESHOLDS.minP, { kept, share: minP })]
      : []),
  ];
}

/** One or several tokens as a list. */
export function listOf(
  value: number | readonly number[] | null,
): readonly number[] {
  if (value === null) return [];
  return typeof value === "number" ? [value] : value;
}

/** Turns scores into log-probabilities. */
function normalize(step: Scores): void {
  step.scores = logSoftmax(step.scores);
}

/** Applies a processor only after exactly `length` tokens. */
function at(length: number, processor: LogitsProcessor): LogitsProcessor {
  return (step) => step.length === length && processor(step);
}

/** Launches a kernel with one invocation for each item. */
function run(
  kernel: Kernel,
  { scores }: Scores,
  bind: readonly AnyTensor[],
  items: number,
  params: Record<string, number>,
): void {
  launch(scores.device, kernel, {
    bind,
    params: { ...params, items },
    groups: grid(items, kernel.workgroupSize),
  });
}

/** The lengths of the rows of scores and of tokens. */
function sizesOf({ scores, tokens }: Scores) {
  const [, vocabulary = 0] = scores.shape;
  const [, capacity = 0] = tokens.shape;
  return { vocabulary, capacity };
}

function rowsOf({ scores }: Scores): number {
  return scores.shape[0] ?? 0;
}

/** Makes a table of whole numbers that outlives the step. */
function table(
  values: readonly number[],
  { device, own }: ProcessorContext,
): Tensor<"i32"> {
  const made = persist(tensor(values, { dtype: "i32", device }));
  own(made);
  return made;
}

/** Adds a bias to the last token of each sequence where it would complete it. */
function biasSequences(
  biases: readonly (readonly [readonly number[], number])[],
  context: ProcessorContext,
): LogitsProcessor {
  const endings = new Map<number, (readonly [readonly number[], number])[]>();
  for (const pair of biases) {
    const last = pair[0][pair[0].length - 1] ?? -1;
    endings.set(last, [...endings.get(last) ?? [], pair]);
  }
  if (endings.size === 0) return () => {};
  const sorted = [...endings.values()].flat();
  const heads: number[] = [];
  let first = 0;
  for (const [token, pairs] of endings) {
    heads.push(token, first, pairs.length);
    first += pairs.length;
  }
  const entries: number[] = [];
  let start = heads.length + 2 * sorted.length;
  for (const [sequence] of sorted) {
    entries.push(start, sequence.length);
    start += sequence.length;
  }
  const words = sorted.flatMap(([sequence]) => [...sequence]);
  const sequences = table([...heads, ...entries, ...words], context);
  const gains = persist(
    tensor(sorted.map(([, bias]) => bias), { device: context.device }),
  );
  context.own(gains);
  return (step) => {
    const [rows = 0, vocabulary = 0] = step.scores.shape;
    const unknown = [...endings.keys()].find((token) => token >= vocabulary);
    if (unknown !== undefined) {
      throw new RangeError(
        `Cannot bias token ${unknown}: there are ${vocabulary} tokens`,
      );
    }
    const bind = [step.tokens, sequences, gains, step.scores];
    run(BIAS, step, bind, rows * endings.size, {
      ...sizesOf(step),
      endings: endings.size,
      length: step.length,
    });
  };
}

/** Forbids tokens that complete a word, except end tokens. */
function forbidWords(
  words: readonly (readonly number[])[],
  context: ProcessorContext,
): LogitsProcessor {
  const { eosTokenIds } = context;
  const biases = words
    .filter((word) => word.length > 1 || !eosTokenIds.includes(word[0] ?? -1))
    .map((word) => [word, -Infinity] as const);
  return biasSequences(biases, context);
}

/** Makes tokens that are in the row or its prompt less likely, once each. */
function penalizeRepetition(penalty: number): LogitsProcessor {
  return (step) => {
    const { scores, tokens, length } = step;
    const items = rowsOf(step) * length;
    const noted = allocate(scores.device, [items]);
    for (const PHASE of [0, 1]) {
      const kernel = specialize(REPETITION, { PHASE });
      run(kernel, step, [tokens, noted, scores], items, {
        ...sizesOf(step),
        length,
        penalty,
      });
    }
  };
}

/**
 * Forbids tokens that complete a run of `size` tokens which is in the row
 * already.
 */
function forbidRepeatedNgrams(size: number): LogitsProcessor {
  return (step) => {
    const starts = step.length - size + 1;
    if (starts <= 0) return;
    const bind = [step.tokens, step.scores];
    run(NGRAMS, step, bind, rowsOf(step) * starts, {
      ...sizesOf(step),
      starts,
      size,
      lowest: -Infinity,
    });
  };
}

/** Forbids tokens. */
function suppress(
  forbidden: readonly number[],
  context: ProcessorContext,
): LogitsProcessor {
  return overList(SUPPRESS, forbidden, context);
}

/** Allows only the forced tokens. */
function force(
  forced: readonly number[],
  context: ProcessorContext,
): LogitsProcessor {
  return overList(FORCE, forced, context);
}

/** Applies a kernel that reads a list of tokens. */
function overList(
  kernel: Kernel,
  values: readonly number[],
  context: ProcessorContext,
): LogitsProcessor {
  const listed = values.length;
  if (listed === 0) return () => {};
  const list = table(values, context);
  return (step) => {
    const { vocabulary } = sizesOf(step);
    const each = kernel === FORCE ? vocabulary : listed;
    const bind = [list, step.scores];
    run(kernel, step, bind, rowsOf(step) * each, {
      vocabulary,
      listed,
      lowest: -Infinity,
    });
  };
}

/** Makes scores finite, or divides them by a temperature. */
function edit(KIND: number, divisor = 1): LogitsProcessor {
  const kernel = specialize(EDIT, { KIND });
  return (step) =>
    run(kernel, step, [step.scores], step.scores.size, { divisor });
}

/** Keeps the best tokens, of equal ones all or none; see `thresholdKernel`. */
function threshold(
  KIND: number,
  { kept, share = 0 }: { kept: number; share?: number },
): LogitsProcessor {
  return ({ scores }) => {
    const { device } = scores;
    const [rows = 0, vocabulary = 0] = scores.shape;
    const turns = Math.ceil(vocabulary / 4) * THRESHOLD_PASSES;
    const form = rowForm(device, { vocabulary, turns });
    const kernel = specialize(thresholdKernel(form), { KIND });
    launch(device, kernel, {
      bind: [scores],
      params: { items: rows, vocabulary, kept, share, lowest: -Infinity },
      groups: rowGrid(kernel, form, rows),
    });
  };
}
