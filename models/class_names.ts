// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The names of a classifier's classes: what a configuration says of them, and
// what becomes of it where other fields take its place.

import type { ConfigReader } from "./files/config_reader.ts";

/**
 * Classes that may go without names of their own: a list of names is made for
 * them.
 */
export const MAX_LABELS = 1_048_576;

/** The names that a configuration gives the classes, or `LABEL_0`, `LABEL_1` …. */
export function readLabels(
  reader: ConfigReader,
  numLabels: number,
): Readonly<Record<number, string>> {
  const labels = reader.object("id2label", null);
  if (labels === null) {
    const count = reader.integer("num_labels", numLabels, { min: 0 });
    if (count <= MAX_LABELS) return labelsOf(count);
    throw reader.error("num_labels", `${MAX_LABELS} at most`, RangeError);
  }
  const names: Record<number, string> = {};
  for (const [id, label] of Object.entries(labels)) {
    if (!/^\s*[+-]?\d+\s*$/.test(id)) {
      throw reader.error("id2label", "a map from ids to texts");
    }
    // Only the ids are converted there, so that names may be anything.
    names[Number(id)] = typeof label === "string"
      ? label
      : JSON.stringify(label);
  }
  const count = Object.keys(names).length;
  if (reader.has("num_labels") && reader.fields.num_labels !== count) {
    // deno-lint-ignore no-console -- as transformers does
    console.warn(
      `${reader.source}: num_labels ${reader.fields.num_labels} does not ` +
        `count, as id2label names ${count}`,
    );
  }
  return names;
}

/** `LABEL_0`, `LABEL_1` … for so many classes. */
export function labelsOf(count: number): Readonly<Record<number, string>> {
  const names: Record<number, string> = {};
  for (let id = 0; id < count; id++) names[id] = `LABEL_${id}`;
  return names;
}

/** The ids that a configuration gives the names, if any. */
export function readLabelIds(
  reader: ConfigReader,
): Readonly<Record<string, number>> | null {
  const ids = reader.object("label2id", null);
  if (ids === null || Object.values(ids).every(Number.isSafeInteger)) {
    // Without names the ids are those of LABEL_0, LABEL_1 …, as there.
    return reader.has("id2label")
      ? ids as Readonly<Record<string, number>> | null
      : null;
  }
  throw reader.error("label2id", "a map from texts to ids");
}

/** The ids of names. */
export function turnAround(
  labels: Readonly<Record<number, string>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(labels).map(([id, label]) => [label, Number(id)]),
  );
}

/**
 * Fields with others in their places. Classes stay consistent: another number of
 * them gives them other names, and other names other ids, as in transformers.
 *
 * @throws {RangeError} If the number and the names of classes contradict.
 */
export function replacedFields(
  { fields, source }: ConfigReader,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const all = { ...fields, ...given };
  const count = given.num_labels ?? undefined;
  const names = given.id2label ?? undefined;
  if (count === undefined && names === undefined) return all;
  const size = typeof all.id2label === "object" && all.id2label !== null
    ? Object.keys(all.id2label).length
    : undefined;
  if (count !== undefined && names !== undefined && size !== count) {
    throw new RangeError(
      `Cannot read ${source} with num_labels ${count} and id2label of ` +
        `${size} classes: give one of them, or as many`,
    );
  }
  if (names === undefined && size !== undefined && size !== count) {
    delete all.id2label;
  }
  const changed = names !== undefined || all.id2label === undefined;
  if (changed && !("label2id" in given)) delete all.label2id;
  return all;
}
