// Copyright 2026 the swagpu authors. MIT license.

/**
 * Fills the masks of texts, for `predict`. With a posterior, the probabilities of
 * tokens are means over its samples.
 *
 * @module
 */

import {
  indexSelect,
  reshape,
  softmax,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { counted } from "../../data/names.ts";
import {
  DataCollatorWithPadding,
  type Tokenizer,
  toTensors,
} from "../../models/mod.ts";
import { entropy } from "../../nn/mod.ts";
import { namedColumn } from "../columns.ts";
import { scoreOptions } from "../model_options.ts";
import { checkFinite } from "../not_finite.ts";
import { runPaced } from "../paced_batches.ts";
import { ofMembers, samplesOf } from "../posterior.ts";
import { shortest } from "../prediction_lines.ts";
import { cutRemark } from "../tokenized_texts.ts";
import { TopRows } from "../top_rows.ts";
import type { MaskedModel } from "./masked_outputs.ts";
import { chunksOf, type TextInput, textInputs } from "./prediction_inputs.ts";
import type { PredictContext } from "./task.ts";
import { rowsAtATime } from "./token_scores.ts";

/** A text, its tokens, and where its masks are. */
interface MaskedText extends TextInput {
  readonly inputIds: readonly number[];
  readonly tokenTypeIds: readonly number[];
  readonly masks: readonly number[];
}

/** What is known of a mask. */
interface MaskPrediction {
  /** The probability of each token of the vocabulary, the mean over members. */
  readonly probabilities: Float64Array<ArrayBuffer>;
  /** The mean over members of their entropies, in nats. */
  expectedEntropy: number;
}

/** The most probabilities of masks that are held at a time: 64 MiB. */
const MOST_PROBABILITIES = 2 ** 23;

/** The most texts that are read before the first are filled. */
const MOST_TEXTS = 1024;

/** Fills the masks of texts; gives the objects of the lines of JSON. */
export async function* fillMasks(
  { args, progress, config, load }: PredictContext<MaskedModel>,
): AsyncGenerator<object> {
  const topK = args.integer("top-k", { min: 1 }) ?? 5;
  const { batchSize, ...sampling } = scoreOptions(args);
  const texts = await textInputs(args, {
    naming: ["text-column"],
    text: (table) => namedColumn(table, "text", { args, config }),
  });
  const loaded = await load();
  const { model, tokenizer, maxLength } = loaded;
  const samples = samplesOf(loaded, sampling);
  const isSampled = samples > 0;
  let blank = 0;
  let cut = 0;
  let done = 0;
  async function* encoded(): AsyncGenerator<MaskedText> {
    for await (const input of texts) {
      if (input.text.trim() === "") {
        blank++;
        continue;
      }
      const { isCut, ...masked } = maskedText(input, tokenizer, maxLength);
      if (isCut) cut++;
      yield masked;
    }
  }
  const { vocab_size: vocabulary } = config.toJSON();
  const width = typeof vocabulary === "number" ? vocabulary : 1;
  const cost = ({ masks }: MaskedText) =>
    masks.length * width / MOST_PROBABILITIES;
  progress.begin();
  for await (const chunk of chunksOf(encoded(), MOST_TEXTS, cost)) {
    const options = {
      tokenizer,
      batchSize,
      members: isSampled ? samples : 1,
    };
    const predictions = chunk.map((): MaskPrediction[] => []);
    await ofMembers(
      loaded,
      sampling,
      () => addMember(predictions, chunk, { model, ...options }),
    );
    done += chunk.length;
    progress.show(`filling masks  ${counted(done, "text")}`);
    for (const [i, text] of chunk.entries()) {
      progress.clear();
      yield {
        ...text.line,
        masks: text.masks.map((position, m) => {
          const found = predictions[i]?.[m];
          if (!found) throw new Error("unreachable: each mask was scored");
          return {
            fillings: fillingsOf(text, position, { found, topK, tokenizer }),
            ...isSampled ? uncertaintyOf(found) : {},
          };
        }),
      };
    }
  }
  progress.clear();
  const path = args.text("data") ?? "--text";
  const remark = cutRemark({ cut, rows: done, path, maxLength });
  if (remark !== undefined) progress.say(remark);
  if (blank > 0) progress.say(`Left out ${counted(blank, "blank text")}`);
}

/**
 * Tokenizes a text and finds its masks.
 *
 * @throws {RangeError} If it has none.
 */
function maskedText(
  input: TextInput,
  tokenizer: Tokenizer,
  maxLength: number,
): MaskedText & { isCut: boolean } {
  const { maskTokenId: mask } = tokenizer;
  if (mask === null) {
    throw new TypeError("Cannot fill masks: the tokenizer has no mask token");
  }
  const whole = tokenizer.encode(input.text, { truncation: false });
  const isCut = whole.inputIds.length > maxLength;
  const { inputIds, tokenTypeIds } = isCut
    ? tokenizer.encode(input.text, { maxLength })
    : whole;
  const masks = inputIds.flatMap((id, i) => id === mask ? [i] : []);
  if (masks.length > 0) {
    return { ...input, inputIds, tokenTypeIds, masks, isCut };
  }
  throw new RangeError(
    `Cannot fill ${input.place}: ` +
      (whole.inputIds.includes(mask)
        ? `its mask is beyond the ${maxLength} tokens of a row`
        : `it holds no ${tokenizer.idToToken(mask)}`),
  );
}

/** Adds what the model's present weights say of each mask. */
async function addMember(
  predictions: readonly MaskPrediction[][],
  texts: readonly MaskedText[],
  { model, tokenizer, batchSize, members }: {
    model: MaskedModel;
    tokenizer: Tokenizer;
    batchSize: number;
    members: number;
  },
): Promise<void> {
  model.eval();
  const collator = new DataCollatorWithPadding(tokenizer, {
    paddingSide: "right",
  });
  const lengths = texts.map(({ inputIds }) => inputIds.length);
  const textsOf = (numbers: Uint32Array<ArrayBuffer>) =>
    Array.from(numbers, (i) => texts[i]).filter((text) => text !== undefined);
  await runPaced(lengths, {
    batchSize: rowsAtATime(batchSize, Math.max(...lengths), model.config),
    compute(numbers): readonly Tensor[] {
      const own = textsOf(numbers);
      const batch = collator.collate(own);
      const { shape: [, length = 0] } = batch.inputIds;
      const positions = own.flatMap(({ masks }, i) =>
        masks.map((position) => i * length + position)
      );
      const { logits } = model.forward(toTensors(batch));
      const picked = indexSelect(
        reshape(logits, [-1, logits.shape.at(-1) ?? 0]),
        tensor(Int32Array.from(positions)),
      );
      return [softmax(picked)];
    },
    take(numbers, [values = new Float32Array()]) {
      const own = textsOf(numbers);
      const count = own.reduce((sum, { masks }) => sum + masks.length, 0);
      const width = values.length / count;
      let at = 0;
      own.forEach(({ masks, place }, i) => {
        const row = numbers[i] ?? 0;
        masks.forEach((_, m) => {
          const part = values.subarray(at, at += width);
          checkFinite(part, row, place);
          const found = (predictions[row] ?? [])[m] ?? {
            probabilities: new Float64Array(width),
            expectedEntropy: 0,
          };
          part.forEach((p, k) => {
            found.probabilities[k] = (found.probabilities[k] ?? 0) +
              p / members;
          });
          found.expectedEntropy += entropyOf(part) / members;
          const list = predictions[row];
          if (list) list[m] = found;
        });
      });
    },
  });
}

/** The entropy of a distribution, in nats. */
function entropyOf(probabilities: ArrayLike<number>): number {
  const [value = NaN] = entropy(probabilities, {
    classes: probabilities.length,
  });
  return value;
}

/** How unsure the members are of a mask, and how much they disagree. */
function uncertaintyOf(
  { probabilities, expectedEntropy }: MaskPrediction,
): Record<string, number> {
  const total = entropyOf(probabilities);
  return {
    entropy: shortest(total),
    expectedEntropy: shortest(expectedEntropy),
    // Rounding may put the difference below 0.
    mutualInformation: shortest(Math.max(0, total - expectedEntropy)),
  };
}

/** The most probable fillings of a mask, with the names of the pipeline's results. */
function fillingsOf(
  { inputIds, masks }: MaskedText,
  position: number,
  { found, topK, tokenizer }: {
    found: MaskPrediction;
    topK: number;
    tokenizer: Tokenizer;
  },
): object[] {
  const { padTokenId } = tokenizer;
  const top = new TopRows<number>(topK);
  found.probabilities.forEach((score, token) => top.offer(score, token));
  return top.ranked().map(({ score, item: token }) => ({
    score: shortest(score),
    token,
    tokenStr: tokenizer.decode([token]),
    sequence: tokenizer.decode(
      inputIds.with(position, token).filter((id) => id !== padTokenId),
      { skipSpecialTokens: masks.length === 1 },
    ),
  }));
}
