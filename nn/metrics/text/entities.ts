// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Precision, recall and F1 of entities, as seqeval computes them: an entity is
 * right if its type, its first and its last word are.
 *
 * @module
 */

import type { ClassCounts } from "../class_counts.ts";
import { checkChoice, checkKnown } from "../known_options.ts";
import {
  averaged,
  type PrecisionRecall,
  scoresOf,
} from "../precision_recall.ts";
import {
  type Entity,
  type EntityScheme,
  looseEntities,
  SCHEME_NAMES,
  strictEntities,
  type Tag,
} from "./entity_schemes.ts";

export type { Entity, EntityScheme } from "./entity_schemes.ts";

/** How tags are read as entities. */
export interface EntityOptions {
  /**
   * `"default"` reads tags as conlleval does, so that a stray `I-` starts an
   * entity; `"strict"` knows only what is legal in the scheme.
   * @default {"default"}
   */
  mode?: "default" | "strict";
  /**
   * The tagging scheme, for `"strict"`. `"BILOU"` can only be read so.
   * @default {"IOB2"}
   */
  scheme?: EntityScheme;
}

/** Options of {@linkcode entityScores}. */
export interface EntityScoresOptions extends EntityOptions {
  /**
   * The score of a type whose denominator is 0.
   * @default {0}
   */
  zeroDivision?: 0 | 1;
}

/** Scores of entities, averaged in three ways, and by type. */
export interface EntityScores {
  /** Over all entities. */
  micro: PrecisionRecall;
  /** The mean over the types in truth or prediction; NaN if there are none. */
  macro: PrecisionRecall;
  /** That mean, where each type weighs as much as it occurs in the truth. */
  weighted: PrecisionRecall;
  /** Each type by itself, in alphabetical order. */
  perType: Record<string, PrecisionRecall>;
}

/**
 * The entities that tags such as `B-PER`, `I-PER` and `O` write, as seqeval's
 * `get_entities`.
 *
 * @param tags The tags of a sentence.
 * @param options How tags are read.
 * @returns Type, first and last place of each entity, in order.
 * @throws {RangeError} If a tag is none of the scheme.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example A person and a place
 * ```ts
 * import { getEntities } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const tags = ["B-PER", "I-PER", "O", "B-LOC"];
 * assertEquals(getEntities(tags), [["PER", 0, 1], ["LOC", 3, 3]]);
 * ```
 */
export function getEntities(
  tags: readonly string[],
  options: EntityOptions = {},
): Entity[] {
  checkKnown("find entities", options, ["mode", "scheme"]);
  const { mode = "default", scheme = "IOB2" } = options;
  if (mode !== "strict" && options.scheme) {
    throw new RangeError(
      `Cannot find entities: the scheme ${scheme} is for the mode "strict", but the mode is "${mode}"`,
    );
  }
  checkChoice("find entities", "mode", {
    value: mode,
    choices: ["default", "strict"],
  });
  checkChoice("find entities", "scheme", {
    value: scheme,
    choices: SCHEME_NAMES,
  });
  const parsed = tags.map((tag, place) => parseTag(tag, place));
  if (mode === "strict") return strictEntities(parsed, scheme);
  parsed.forEach(({ prefix }, place) => {
    if ("OBIES".includes(prefix)) return;
    throw new RangeError(
      `Cannot find entities: tag ${place} is "${
        tags[place]
      }", but must be O or begin with B-, I-, E- or S-, unless the mode is "strict"`,
    );
  });
  return looseEntities(parsed);
}

/** Splits a tag into its letter and its type; a tag without type has type "_". */
function parseTag(tag: string, place: number): Tag {
  const match = /^([A-Z])(?:-(.*))?$/su.exec(tag);
  if (!match) {
    throw new RangeError(
      `Cannot find entities: tag ${place} is "${tag}", but must be O or a letter, a hyphen and a type`,
    );
  }
  return { prefix: match[1] ?? "O", type: match[2] || "_" };
}

/**
 * Precision, recall and F1 of entities, as seqeval's `classification_report`.
 *
 * @param predicted The predicted tags of each sentence.
 * @param labels The true tags of each sentence.
 * @param options How tags are read.
 * @returns The scores of all entities and of each type.
 * @throws {RangeError} If the sentences differ in number or length, or a tag is
 * none of the scheme.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example One of two found
 * ```ts
 * import { entityScores } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const labels = [["B-PER", "I-PER", "O", "B-LOC"]];
 * const { micro } = entityScores([["B-PER", "I-PER", "O", "O"]], labels);
 * assertEquals([micro.precision, micro.recall, micro.support], [1, 0.5, 2]);
 * ```
 */
export function entityScores(
  predicted: readonly (readonly string[])[],
  labels: readonly (readonly string[])[],
  options: EntityScoresOptions = {},
): EntityScores {
  const action = "score entities";
  checkKnown(action, options, ["mode", "scheme", "zeroDivision"]);
  const { zeroDivision = 0, ...reading } = options;
  checkChoice(action, "zeroDivision", { value: zeroDivision, choices: [0, 1] });
  if (predicted.length !== labels.length || labels.length === 0) {
    throw new RangeError(
      `Cannot ${action}: ${predicted.length} predicted sentences and ${labels.length} true ones, expected equal numbers above 0`,
    );
  }
  const counts = new Map<string, ClassCounts>();
  const of = (type: string): ClassCounts => {
    const known = counts.get(type) ?? { actual: 0, guessed: 0, hits: 0 };
    counts.set(type, known);
    return known;
  };
  labels.forEach((truth, sentence) => {
    const guess = predicted[sentence] ?? [];
    if (guess.length !== truth.length) {
      throw new RangeError(
        `Cannot ${action}: sentence ${sentence} has ${guess.length} predicted tags and ${truth.length} true ones`,
      );
    }
    const actual = getEntities(truth, reading);
    const names = new Set(actual.map((entity) => entity.join("\0")));
    for (const [type] of actual) of(type).actual++;
    for (const entity of getEntities(guess, reading)) {
      of(entity[0]).guessed++;
      if (names.has(entity.join("\0"))) of(entity[0]).hits++;
    }
  });
  const types = [...counts.keys()].sort();
  const each = types.map(of);
  const average = (kind: "micro" | "macro" | "weighted"): PrecisionRecall =>
    averaged(each, kind, zeroDivision);
  return {
    micro: average("micro"),
    macro: average("macro"),
    weighted: average("weighted"),
    perType: Object.fromEntries(
      types.map((type) => {
        const own = of(type);
        return [type, {
          ...scoresOf(own, zeroDivision),
          support: own.actual,
        }];
      }),
    ),
  };
}
