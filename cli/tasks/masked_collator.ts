// Copyright 2026 the swagpu authors. MIT license.

/**
 * Hides tokens of texts, for a masked language model to guess.
 *
 * @module
 */

import {
  DataCollatorForLanguageModeling,
  DataCollatorForWholeWordMask,
  type Packing,
  packingOf,
  type TokenBatchWithLabels,
  type Tokenizer,
} from "../../models/mod.ts";
import type { Arguments } from "../arguments.ts";
import type { PlainRow } from "./masked_rows.ts";
import type { TaskModel } from "./task.ts";

/** The label of tokens that are not hidden. */
export const IGNORED = -100;

/** The seed by which tokens are hidden from a model that is measured. */
const FIXED_SEED = 0;

/** A batch, and which tokens to score if the model can leave out the others. */
export type MaskedBatch = TokenBatchWithLabels & {
  readonly predictions?: Packing;
};

/** Options of {@linkcode MaskingCollator}. */
export interface MaskingCollatorOptions {
  /** The options of the command. */
  readonly args: Arguments;
  /** The model that gets the batches; without it nothing is packed. */
  readonly model?: TaskModel | undefined;
  /** The most tokens of a row. */
  readonly maxLength: number;
  /** Whether texts may be packed, and shapes are few, as training wants it. */
  readonly isTraining: boolean;
}

/** Makes batches in which tokens are hidden. */
export class MaskingCollator {
  readonly #tokenizer: Tokenizer;
  readonly #model: TaskModel | undefined;
  readonly #isTraining: boolean;
  /** Hides tokens by the seed of the run, and by the same seed in all runs. */
  readonly #hide: Record<
    "drawn" | "fixed",
    DataCollatorForLanguageModeling | DataCollatorForWholeWordMask
  >;

  /**
   * Reads and checks the options.
   *
   * @throws {RangeError} If `--mlm-probability` is not a share above 0.
   * @throws {TypeError} If the tokenizer has no mask token, or does not mark words
   * and whole words should be hidden.
   */
  constructor(
    tokenizer: Tokenizer,
    { args, model, maxLength, isTraining }: MaskingCollatorOptions,
  ) {
    if (tokenizer.maskTokenId === null) {
      throw new TypeError(
        "Cannot hide tokens: the tokenizer has no mask token; name another one " +
          "with --tokenizer, such as one that train-tokenizer wrote",
      );
    }
    const mlmProbability = args.number("mlm-probability", {
      min: 0,
      max: 1,
      above: true,
    });
    const options = {
      mlmProbability,
      maxLength,
      paddingSide: "right",
      padding: isTraining ? "bucketed" : "longest",
      usesPacking: isTraining && (model?.usesPacking ?? false),
    } as const;
    const make = (seed: number) =>
      args.flag("whole-word-mask")
        ? new DataCollatorForWholeWordMask(tokenizer, { ...options, seed })
        : new DataCollatorForLanguageModeling(tokenizer, { ...options, seed });
    this.#tokenizer = tokenizer;
    this.#model = model;
    this.#isTraining = isTraining;
    this.#hide = {
      drawn: make(args.integer("seed") ?? 0),
      fixed: make(FIXED_SEED),
    };
  }

  /**
   * Makes a batch. What is hidden depends on the seed, the epoch and the number of
   * each row; in rows that a model is measured on, on the number alone.
   *
   * @param rows The rows, all of which are to learn from, or to be measured on.
   * @param epoch The pass over the data.
   */
  collate(rows: readonly PlainRow[], epoch: number): MaskedBatch {
    const isFixed = rows[0]?.isFixed ?? false;
    const batch = this.#hide[isFixed ? "fixed" : "drawn"].collate(rows, {
      rows: rows.map(({ number }) => number),
      epoch: isFixed ? 0 : epoch,
    });
    if (this.#isTraining) this.#hideOne(batch);
    const predictions = this.#predictions(batch);
    return { ...batch, ...predictions ? { predictions } : {} };
  }

  /**
   * Hides a token if none of the batch is hidden, which can happen to a few short
   * texts: the mean loss of no tokens is no number.
   */
  #hideOne({ inputIds, attentionMask, labels }: TokenBatchWithLabels): void {
    if (labels.data.some((label) => label !== IGNORED)) return;
    const special = this.#tokenizer.allSpecialIds;
    const usable = [...inputIds.data.keys()].filter((i) =>
      attentionMask.data[i] === 1 && !special.has(inputIds.data[i] ?? -1)
    );
    const index = usable[usable.length >> 1];
    if (index === undefined) return;
    labels.data[index] = inputIds.data[index] ?? 0;
    inputIds.data[index] = this.#tokenizer.maskTokenId ?? 0;
  }

  /**
   * The hidden tokens, if the model can score them alone. That saves most of the
   * multiplication by the vocabulary.
   */
  #predictions({ labels }: TokenBatchWithLabels): Packing | undefined {
    if (!this.#model?.usesPredictions) return undefined;
    const { data, shape: [rows = 0, length = 0] } = labels;
    const isHidden = data.map((label) => label === IGNORED ? 0 : 1);
    if (!isHidden.includes(1)) return undefined;
    // Captured steps are recorded once for each number of tokens.
    const multipleOf = this.#isTraining ? Math.max(8, 2 * rows) : 1;
    return packingOf(isHidden, [rows, length], { multipleOf });
  }
}
