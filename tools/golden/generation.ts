// Copyright 2026 the swagpu authors. MIT license.

// Checks the generation runs of a folder of reference tensors: the sequences must be
// equal token by token, and the scores of beam search must be close.

import {
  noGrad,
  readAll,
  scope,
  slice,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  type CausalModel,
  generate,
  type GenerateOutput,
  type GenerationOptions,
  type Seq2SeqModel,
} from "../../models/mod.ts";
import {
  type AnyModel,
  compare,
  type Comparison,
  type Golden,
} from "./compare.ts";

/** A generation run in case.json. */
export interface GenerationCase {
  /** Options with their names in Python; absent if `generate` was not used. */
  kwargs?: Record<string, unknown>;
  /** The part of the inputs that is the prompt, such as `input_ids[:, :4], …`. */
  prompt?: string;
  /** How the reference was made, if `generate` was not used. */
  what?: string;
}

// Scores are means of logits, for which the cases suggest 5e-5 + 1e-4 · |x|.
const SCORES = { absolute: 1e-4, relative: 1e-4 };

/** Runs every generation case of a model. */
export async function checkGeneration(
  model: AnyModel,
  cases: Readonly<Record<string, GenerationCase>>,
  golden: Golden,
): Promise<Comparison[]> {
  const decoder = model as unknown as CausalModel | Seq2SeqModel;
  const results: Comparison[] = [];
  for (const [name, run] of Object.entries(cases)) {
    const key = `generate.${name}`;
    const expected = golden.get(`${key}.sequences`);
    if (!expected) continue;
    const { inputIds, attentionMask } = promptOf(run, golden);
    let output: GenerateOutput;
    if (run.kwargs) {
      output = await generate(decoder, {
        inputIds,
        attentionMask,
        ...camelCased(run.kwargs),
      });
    } else {
      const length = expected.shape[1] ?? 0;
      output = { sequences: await argmaxLoop(model, inputIds, length) };
    }
    const { sequences, sequencesScores } = output;
    results.push({
      ...compare(`${key}.sequences`, sequences.flat(), expected.data, {
        absolute: 0,
        relative: 0,
      }),
      note: differences(sequences, expected),
    });
    const scores = golden.get(`${key}.sequences_scores`);
    if (scores) {
      results.push(
        compare(
          `${key}.sequences_scores`,
          sequencesScores ?? [],
          scores.data,
          SCORES,
        ),
      );
    }
  }
  return results;
}

type Expected = NonNullable<ReturnType<Golden["get"]>>;

function differences(
  sequences: readonly (readonly number[])[],
  { shape, data }: Expected,
): string {
  const width = shape[1] ?? 0;
  const equal = sequences.filter((row, i) =>
    row.length === width &&
    row.every((token, k) => token === Number(data[i * width + k]))
  );
  return `${equal.length} of ${shape[0]} rows equal`;
}

/** The prompt or source: all inputs, or the part of them that the case names. */
function promptOf(
  { prompt = "" }: GenerationCase,
  golden: Golden,
): { inputIds: number[][]; attentionMask?: number[][] } {
  const columns = /input_ids\[:, :(\d+)\]/.exec(prompt)?.[1];
  const inputIds = rowsOf(golden, "input.input_ids", Number(columns ?? NaN));
  if (!inputIds) throw new TypeError("Cannot generate: there are no input_ids");
  const attentionMask = prompt.includes("all-ones")
    ? inputIds.map((row) => row.map(() => 1))
    : rowsOf(golden, "input.attention_mask", Number(columns ?? NaN));
  return { inputIds, ...(attentionMask ? { attentionMask } : {}) };
}

/** The first `columns` columns of a matrix; all of them if that is NaN. */
function rowsOf(
  golden: Golden,
  name: string,
  columns: number,
): number[][] | undefined {
  const found = golden.get(name);
  if (!found) return undefined;
  const [rows = 0, width = 0] = found.shape;
  const count = Number.isNaN(columns) ? width : columns;
  return Array.from(
    { length: rows },
    (_, i) =>
      Array.from(
        { length: count },
        (_, k) => Number(found.data[i * width + k]),
      ),
  );
}

function camelCased(kwargs: Record<string, unknown>): GenerationOptions {
  return Object.fromEntries(
    Object.entries(kwargs).map(([name, value]) => [
      name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

/** Generates by taking the best token of `forward` again and again, without options. */
async function argmaxLoop(
  model: AnyModel,
  prompts: readonly (readonly number[])[],
  length: number,
): Promise<number[][]> {
  const rows = prompts.map((row) => [...row]);
  for (let width = rows[0]?.length ?? 0; width < length; width++) {
    using _ = scope();
    const last = noGrad(() => {
      const shape = [rows.length, width];
      const inputIds = tensor(Int32Array.from(rows.flat()), { shape });
      const mask = new Int32Array(inputIds.size).fill(1);
      const attentionMask = tensor(mask, { shape });
      const { logits } = model.forward({ inputIds, attentionMask });
      return slice(logits as Tensor, { axis: 1, start: -1 });
    });
    const [scores = new Float32Array()] = await readAll([last]);
    const vocabulary = scores.length / rows.length;
    for (const [i, row] of rows.entries()) {
      let best = 0;
      for (let token = 1; token < vocabulary; token++) {
        const at = i * vocabulary;
        if ((scores[at + token] ?? 0) > (scores[at + best] ?? 0)) best = token;
      }
      row.push(best);
    }
  }
  return rows;
}
