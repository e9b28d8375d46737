// Copyright 2026 the swagpu authors. MIT license.

/**
 * Decides what the labels of a file are, for training: classes, several classes a
 * text, votes or numbers. It also finds the names of the classes.
 *
 * @module
 */

import { cellOf, classNames as sortedNames } from "../../data/mod.ts";
import { listOf } from "../../data/names.ts";
import type { PretrainedConfig, ProblemType } from "../../models/mod.ts";
import { isRegression } from "../classifier.ts";
import {
  classNames,
  finder,
  hasNames,
  looksLikeNumbers,
  namesOf,
} from "../labels.ts";
import { givenClasses } from "./label_columns.ts";
import { type LabeledTexts, sourceOf } from "./labeled_texts.ts";
import { labelNames, labelTexts, voteClasses } from "./label_values.ts";
import type { TaskContext } from "./task.ts";

/** The problems on which a model can be trained. */
export const PROBLEMS = [
  "single_label_classification",
  "multi_label_classification",
  "regression",
] as const;

/** What the names of classes depend on. */
type NamingContext = TaskContext & { readonly config: PretrainedConfig };

/**
 * The fields of a configuration that say what the labels are.
 *
 * @throws {TypeError} If labels and options contradict each other.
 * @throws {RangeError} If there are fewer than two classes to choose from.
 */
export function labelFields(
  data: LabeledTexts,
  context: NamingContext,
): Record<string, unknown> {
  const problem = problemOf(data, context);
  const names = namesFor(problem, data, context);
  return {
    problem_type: problem,
    num_labels: names.length,
    id2label: { ...names },
    label2id: Object.fromEntries(names.map((name, id) => [name, id])),
  };
}

/** The problem that options name, else that of the data, else the model's. */
function problemOf(
  { path, examples }: LabeledTexts,
  { args, config }: NamingContext,
): ProblemType {
  const given = args.choice("problem-type", PROBLEMS);
  const [first] = examples;
  const { labels = [], isSoft, separator } = first?.columns ?? {};
  const only = (problem: ProblemType, what: string) => {
    if (given === undefined || given === problem) return problem;
    throw new TypeError(
      `Cannot use ${what} with --problem-type ${given}: they are for ${problem}`,
    );
  };
  if (isSoft && separator !== undefined) {
    throw new TypeError(
      "Cannot use --soft-labels with --label-separator: give one of them",
    );
  }
  if (isSoft) return only("single_label_classification", "--soft-labels");
  const several = "multi_label_classification";
  if (separator !== undefined) return only(several, "--label-separator");
  if (labels.length > 1) {
    const problem = given ?? config.problemType;
    if (problem === several || problem === "regression") return problem;
    throw new TypeError(
      `Cannot use ${labels.length} columns of labels: say --problem-type ` +
        "regression if they are numbers, multi_label_classification if each " +
        "says whether a class applies, or --soft-labels if they are votes or " +
        "probabilities",
    );
  }
  const cell = first && cellOf(first.row.cells, labels[0] ?? "");
  if (Array.isArray(cell)) return only(several, "lists of labels");
  if (given) return given;
  if (config.problemType === several) {
    throw new TypeError(
      `Cannot use the labels of ${path}: the model gives several labels to a ` +
        "text; say --label-separator, or --problem-type " +
        "single_label_classification if each text has one",
    );
  }
  return isRegression(config) ? "regression" : "single_label_classification";
}

/** The names of the classes or of the numbers. */
function namesFor(
  problem: ProblemType,
  data: LabeledTexts,
  context: NamingContext,
): string[] {
  const { args, config } = context;
  const given = givenClasses(args);
  const [first] = data.examples;
  const { labels = [], isSoft = false } = first?.columns ?? {};
  const known = namesOf(config);
  if (problem === "regression") {
    if (given) {
      throw new TypeError(
        "Cannot use --classes with regression: it has numbers, and no classes",
      );
    }
    if (labels.length < 2) return known.length === 1 ? known : ["LABEL_0"];
    const isSame = known.length === labels.length &&
      labels.every((name) => known.includes(name));
    return isSame ? known : [...labels];
  }
  if (isSoft) return voteNames(data, given, context);
  const find = finder(known);
  const isKnown = (names: readonly string[]) =>
    hasNames(config) && names.every((name) => find(name) !== undefined);
  if (problem === "multi_label_classification") {
    const occurring = labels.length > 1
      ? given ?? labels
      : sortedNames(labelNames(data, args).flat());
    if (occurring.length === 0) {
      throw new RangeError(
        `Cannot learn classes from ${data.path}: no row has a label`,
      );
    }
    return given ?? (isKnown(occurring) ? known : [...occurring]);
  }
  const texts = labelTexts(data);
  const fits = known.length > 1 && isKnown(texts);
  if (
    !given && !fits && args.text("problem-type") === undefined &&
    looksLikeNumbers(texts)
  ) {
    throw new TypeError(
      `Cannot use the labels of ${data.path} as classes: they look ` +
        `like numbers; say --problem-type regression, or ${problem}`,
    );
  }
  return checked(
    given ?? (fits ? known : classNames(texts, sourceOf(data))),
  );
}

/** The names of the classes that votes are for. */
function voteNames(
  data: LabeledTexts,
  given: string[] | undefined,
  { args, config, progress }: NamingContext,
): string[] {
  const known = namesOf(config);
  const classes = voteClasses(data, args);
  if (typeof classes !== "number") {
    const find = finder(known);
    const fits = !given && hasNames(config) && known.length > 1 &&
      classes.every((name) => find(name) !== undefined);
    return checked(fits ? known : classes);
  }
  if (!hasNames(config) || known.length !== classes) {
    throw new TypeError(
      `Cannot use the labels of ${data.path}: they are lists of ${classes} ` +
        "numbers; name the classes in their order with --classes, such as " +
        "--classes yes,no",
    );
  }
  progress.say(
    `Using lists of numbers in the order of the model's classes, ${
      listOf(known)
    }`,
  );
  return known;
}

/** @throws {RangeError} If there is only one class. */
function checked(names: string[]): string[] {
  if (names.length > 1) return names;
  throw new RangeError(
    `Cannot learn to choose between classes: there is only ${listOf(names)}`,
  );
}
