// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reads and checks the rows of tokens that a generation starts from.

import { type IntegerTensor, readAll, Tensor } from "../../engine/mod.ts";
import type { GenerationConfig } from "./generation_config.ts";
import { listOf } from "./processors.ts";

/** Rows of whole numbers of the same length. */
export type Rows = IntegerTensor | readonly (readonly number[])[];

/** Rows on the host. */
export type Table = readonly (readonly number[])[];

/**
 * Reads several tables of rows with one read-back.
 *
 * @throws {TypeError} If rows differ in length, or tables in the number of rows.
 */
export async function readRows(
  given: Readonly<Record<string, Rows | undefined>>,
): Promise<(number[][] | undefined)[]> {
  const values = Object.values(given);
  const tensors = values.filter((rows) => rows instanceof Tensor);
  const read = await readAll(tensors);
  let first: number[][] | undefined;
  return Object.entries(given).map(([name, rows]) => {
    if (!rows) return undefined;
    const list = rows instanceof Tensor
      ? rowsOf(rows.shape, read[tensors.indexOf(rows)] ?? [])
      : rows.map((row) => [...row]);
    const lengths = list.map((row) => row.length);
    const shape = rows instanceof Tensor
      ? rows.shape
      : [list.length, lengths[0] ?? 0];
    if (lengths.some((length) => length !== lengths[0])) {
      throw new TypeError(
        `Cannot generate from ${name} of ${listed(lengths)} tokens: the rows ` +
          "must be equally long; pad prompts with padTokenId on the left, " +
          "and sources of a model with an encoder on the right",
      );
    }
    const alike = name === "attentionMask" && first;
    const expected = alike ? [alike.length, alike[0]?.length] : undefined;
    if (
      shape.length !== 2 || shape.includes(0) ||
      (expected && expected.join() !== shape.join()) ||
      (first && first.length !== shape[0])
    ) {
      throw new TypeError(
        `Cannot generate from ${name} [${shape.join(", ")}]: expected ` +
          (expected
            ? `[${expected.join(", ")}] like inputIds`
            : `[${first?.length ?? "batch"}, length]`),
      );
    }
    first ??= list;
    return list;
  });
}

/** Lists numbers for an error; of many, only the first. */
function listed(values: readonly number[], most = 8): string {
  const more = values.length - most;
  return values.slice(0, most).join(", ") +
    (more > 0 ? ` and ${more} more` : "");
}

/**
 * Returns prompts unchanged or, if they are of length 0, with `bosTokenId`.
 *
 * @throws {TypeError} If the configuration has no `bosTokenId`.
 */
export function begunRows(
  inputIds: Rows,
  { bosTokenId }: GenerationConfig,
): Rows {
  const isEmpty = inputIds instanceof Tensor
    ? inputIds.shape.length === 2 && inputIds.shape[1] === 0
    : inputIds.length > 0 && inputIds.every((row) => row.length === 0);
  if (!isEmpty) return inputIds;
  if (bosTokenId === null) {
    throw new TypeError(
      "Cannot generate from prompts without a token: set bosTokenId to begin " +
        "a text, or give a token",
    );
  }
  const rows = inputIds instanceof Tensor
    ? inputIds.shape[0] ?? 0
    : inputIds.length;
  return Array.from({ length: rows }, () => [bosTokenId]);
}

/** @throws {RangeError} If a token is not in a vocabulary of `size` tokens. */
export function checkKnown(
  name: string,
  rows: Table,
  size: unknown,
): void {
  const known = typeof size === "number" ? size : Infinity;
  for (const [i, row] of rows.entries()) {
    const unknown = row.find((token) =>
      !(Number.isInteger(token) && token >= 0 && token < known)
    );
    if (unknown === undefined) continue;
    throw new RangeError(
      `Cannot generate from ${name}: row ${i} holds token ${unknown}, and ` +
        (known === Infinity
          ? "tokens are whole numbers from 0"
          : `the model has ${known} tokens`),
    );
  }
}

/** Cuts values into rows. */
function rowsOf(
  [batch = 0, length = 0]: readonly number[],
  values: Iterable<number>,
): number[][] {
  const all = [...values];
  return Array.from(
    { length: batch },
    (_, i) => all.slice(i * length, (i + 1) * length),
  );
}

/** Makes a mask for rows without one: 0 at the padding token, else 1. */
export function maskOf(
  rows: Table,
  { padTokenId, eosTokenId }: GenerationConfig,
): number[][] {
  // If the padding token is also an end token, it may be part of a row.
  const known = !listOf(eosTokenId).includes(padTokenId ?? -1);
  return rows.map((row) =>
    row.map((token) => known && token === padTokenId ? 0 : 1)
  );
}

/** The first tokens of the answers to sources. */
export function targetsOf(
  sources: Table,
  given: Table | undefined,
  { decoderStartTokenId, bosTokenId }: GenerationConfig,
): Table {
  const start = decoderStartTokenId ?? bosTokenId;
  if (given && (start === null || given.some(([token]) => token === start))) {
    return given;
  }
  if (start === null) {
    throw new TypeError(
      "Cannot begin to generate: set decoderStartTokenId, bosTokenId or " +
        "decoderInputIds",
    );
  }
  return (given ?? sources.map(() => [])).map((row) => [start, ...row]);
}
