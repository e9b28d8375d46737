// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The names of a classifier's classes: reads them from a configuration, and
// keeps them consistent when fields are replaced.

import type { ConfigReader } from "./files/config_reader.ts";

/** The most classes that get the names `LABEL_0`, `LABEL_1` …. */
export const MAX_LABELS = 1_048_576;

/**
 * Reads the names of the classes; without any, they are `LABEL_0`, `LABEL_1` ….
 */
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
    // transformers converts the ids only, so a name may be any value.
    names[Number(id)] = typeof label === "string"
      ? label
      : JSON.stringify(label);
  }
  const count = Object.keys(names).length;
  if (reader.has("num_labels") && reader.fields.num_labels !== count) {
    // deno-lint-ignore no-console -- as transformers does
    console.warn(
      `${reader.source}: num_labels ${reader.fields.num_labels} is ignored, ` +
        `because id2label names ${count} classes`,
    );
  }
  return names;
}

/** The names `LABEL_0`, `LABEL_1` … for `count` classes. */
export function labelsOf(count: number): Readonly<Record<number, string>> {
  const names: Record<number, string> = {};
  for (let id = 0; id < count; id++) names[id] = `LABEL_${id}`;
  return names;
}

/** Reads the ids of the names; `null` if the configuration gives none. */
export function readLabelIds(
  reader: ConfigReader,
): Readonly<Record<string, number>> | null {
  const ids = reader.object("label2id", null);
  if (ids === null || Object.values(ids).every(Number.isSafeInteger)) {
    // Without id2label the ids are those of LABEL_0, LABEL_1 …, as in
    // transformers.
    return reader.has("id2label")
      ? ids as Readonly<Record<string, number>> | null
      : null;
  }
  throw reader.error("label2id", "a map from texts to ids");
}

/** The ids by names, from the names by ids. */
export function invert(
  labels: Readonly<Record<number, string>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(labels).map(([id, label]) => [label, Number(id)]),
  );
}

/**
 * The fields of a configuration after some are replaced. Classes stay
 * consistent, as in transformers: if their number changes, they get new names,
 * and if their names change, they get new ids.
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
