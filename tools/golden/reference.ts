// Copyright 2026 the swagpu authors. MIT license.

// Checks a folder with a pretrained encoder-decoder and a reference.json. For the
// recorded inputs it compares the states of the encoder, the scores of the recorded
// answer, and the answer itself, which is generated token by token.

import {
  type IntegerTensor,
  noGrad,
  readAll,
  scope,
  tensor,
} from "../../engine/mod.ts";
import {
  AutoModelForSeq2SeqLM,
  generate,
  type Seq2SeqModel,
} from "../../models/mod.ts";
import { compare, type Comparison } from "./compare.ts";

/** An input of reference.json, as tokens. */
interface Item {
  word: string;
  input_ids: number[];
  generated_ids: number[];
  /** `[source, hidden]`. */
  encoder_last_hidden_state?: number[][];
  /** Scores of the first tokens of the answer, `[tokens, vocabulary]`. */
  teacher_forced_logits?: number[][];
}

/** The name of the file with the reference. */
export const REFERENCE_NAME = "reference.json";

// The numbers of the reference are rounded to seven decimals.
const STATES = { absolute: 1e-5, relative: 1e-4 };
const SCORES = { absolute: 1e-4, relative: 1e-4 };

/** How many sources are in a batch. */
const BATCH = 50;

/** Compares the model of a folder with its reference. */
export async function checkReference(folder: string): Promise<Comparison[]> {
  const { items } = JSON.parse(
    await Deno.readTextFile(`${folder}/${REFERENCE_NAME}`),
  ) as { items: Item[] };
  const model = await AutoModelForSeq2SeqLM.fromPretrained(folder);
  const results: Comparison[] = [];
  for (const item of items) {
    const { encoder_last_hidden_state, teacher_forced_logits } = item;
    const expected = { encoder_last_hidden_state, teacher_forced_logits };
    if (!encoder_last_hidden_state && !teacher_forced_logits) continue;
    using _ = scope();
    const { encoderLastHiddenState, logits } = noGrad(() =>
      model.forward({
        inputIds: row(item.input_ids),
        decoderInputIds: row(item.generated_ids.slice(0, -1)),
      })
    );
    const [states = [], scores = []] = await readAll([
      encoderLastHiddenState,
      logits,
    ]);
    const actual = {
      encoder_last_hidden_state: { values: states, tolerance: STATES },
      teacher_forced_logits: { values: scores, tolerance: SCORES },
    };
    for (const [name, { values, tolerance }] of Object.entries(actual)) {
      const reference = expected[name as keyof typeof expected]?.flat();
      if (!reference) continue;
      const found = Array.from(values).slice(0, reference.length);
      results.push(
        compare(`${name} ${item.word}`, found, reference, tolerance),
      );
    }
  }
  results.push(await checkAnswers(model as unknown as Seq2SeqModel, items));
  model.dispose();
  return results;
}

/** Compares answers token by token, and counts the equal ones. */
async function checkAnswers(
  model: Seq2SeqModel,
  items: readonly Item[],
): Promise<Comparison> {
  const padding = model.config.padTokenId ?? 0;
  const fill = (ids: readonly number[], length: number) => [
    ...ids,
    ...Array.from({ length: length - ids.length }, () => padding),
  ];
  let right = 0;
  for (let start = 0; start < items.length; start += BATCH) {
    const batch = items.slice(start, start + BATCH);
    const width = Math.max(...batch.map((item) => item.input_ids.length));
    const { sequences } = await generate(model, {
      inputIds: batch.map((item) => fill(item.input_ids, width)),
      attentionMask: batch.map(({ input_ids }) =>
        fill(input_ids, width).map((_, i) => i < input_ids.length ? 1 : 0)
      ),
      maxLength: Math.max(...batch.map((item) => item.generated_ids.length)) +
        4,
    });
    for (const [i, found] of sequences.entries()) {
      const reference = fill(batch[i]?.generated_ids ?? [], found.length);
      if (found.join() === reference.join()) right++;
    }
  }
  return {
    name: "greedy generation",
    absolute: items.length - right,
    relative: 1 - right / items.length,
    ok: right === items.length,
    note: `${right} of ${items.length} answers equal`,
  };
}

function row(ids: readonly number[]): IntegerTensor {
  return tensor(Int32Array.from(ids), { shape: [1, ids.length] });
}
