// Copyright 2026 the swagpu authors. MIT license.

/**
 * Tags texts for `predict`: finds the entities of texts by the pipeline, and tags the
 * words of sentences that are lists of words.
 *
 * @module
 */

import { count, counted } from "../../data/names.ts";
import {
  type AggregationStrategy,
  pipeline,
  type PretrainedConfig,
  tokenizeAndAlignLabels,
} from "../../models/mod.ts";
import {
  argmaxRows,
  getEntities,
  softmaxRows,
  uncertaintyParts,
} from "../../nn/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { interleaved, standardDeviations } from "../classifier.ts";
import { refuseIdle } from "../input_files.ts";
import { namesOf } from "../labels.ts";
import { scoreOptions } from "../model_options.ts";
import { ofMembers, pipelinePosterior, samplesOf } from "../posterior.ts";
import { type Line, shortest } from "../prediction_lines.ts";
import { chunksOf, type TextInputs } from "./prediction_inputs.ts";
import type { PredictContext, Predictor, TaskContext } from "./task.ts";
import {
  readTagInputs,
  TAG_INPUT_OPTIONS,
  type WordsInput,
} from "./token_inputs.ts";
import { tagOutputs, type TokenModel } from "./token_outputs.ts";
import { Losses, NO_TAG, type TaggedRow } from "./token_rows.ts";
import { meanProbabilities, schemeOf } from "./tag_scores.ts";

const STRATEGIES = ["none", "simple", "first", "average", "max"] as const;

/** The options of `predict`. */
export const ENTITY_OPTIONS: readonly Option[] = [
  ...TAG_INPUT_OPTIONS,
  {
    name: "aggregation",
    value: STRATEGIES.join("|"),
    help:
      "How the tokens of a text become entities (first: a word has the tag " +
      "of its first token; none if the tags have no B- and I-).",
  },
  {
    name: "stride",
    value: "N",
    help: "Read texts that are too long in windows that share N tokens " +
      "(they are cut).",
  },
];

/** How many texts the pipeline gets at a time, which samples for every batch. */
const TEXTS = 128;

/** How many lists of words are tagged with the same sample of the weights. */
const SENTENCES = 1024;

type Loaded = Predictor<TokenModel>;

/** Reads texts or lists of words, and gives the line of each. */
export async function* predictTags(
  context: PredictContext<TokenModel>,
): AsyncGenerator<Line> {
  const { args, config } = context;
  const strategy = strategyOf(args, config);
  const inputs = await readTagInputs(context);
  if ("texts" in inputs) {
    const loaded = await context.load();
    yield* taggedTexts(loaded, inputs.texts, { ...context, ...strategy });
    return;
  }
  refuseIdle(args, ["aggregation", "stride"], {
    beside: args.needed("data"),
    reason: "it has words, and each word gets the tag of its first token",
  });
  yield* taggedSentences(await context.load(), inputs.sentences, context);
}

/** How the tokens of texts become entities. */
interface Strategy {
  readonly aggregationStrategy: AggregationStrategy;
  readonly stride: number | undefined;
}

/** Reads how the tokens of texts become entities. */
function strategyOf(args: Arguments, config: PretrainedConfig): Strategy {
  const aggregationStrategy = args.choice("aggregation", STRATEGIES) ??
    (schemeOf(namesOf(config)) ? "first" : "none");
  const stride = args.integer("stride", { min: 0 });
  if (stride === undefined || aggregationStrategy !== "none") {
    return { aggregationStrategy, stride };
  }
  throw new TypeError(
    "Cannot use --stride with --aggregation none: windows are joined by their " +
      "entities; say --aggregation first or another",
  );
}

/** Finds the entities of texts. */
async function* taggedTexts(
  loaded: Loaded,
  texts: TextInputs,
  { args, progress, aggregationStrategy, stride }: TaskContext & Strategy,
): AsyncGenerator<Line> {
  const { model, tokenizer, maxLength } = loaded;
  const { batchSize, samples, ...sampling } = scoreOptions(args);
  const posterior = pipelinePosterior(loaded);
  tokenizer.modelMaxLength = maxLength;
  const tag = await pipeline("token-classification", { model, tokenizer }, {
    batchSize,
    ...posterior && samples > 0 && {
      posterior,
      sampling: { ...sampling, numPredictions: samples },
    },
  });
  const windows = stride === undefined ? {} : { stride };
  let cut = 0;
  let done = 0;
  progress.begin();
  for await (const chunk of chunksOf(texts, TEXTS)) {
    const own = chunk.map(({ text }) => text);
    if (stride === undefined) {
      cut += own.filter((text) =>
        tokenizer.encode(text, { truncation: false }).inputIds.length >
          maxLength
      ).length;
    }
    const found: readonly (readonly object[])[] = aggregationStrategy === "none"
      ? await tag(own)
      : await tag(own, { aggregationStrategy, ...windows });
    done += chunk.length;
    progress.show(() => `tagging  ${counted(done, "text")}`);
    for (const [i, { line }] of chunk.entries()) {
      yield { ...line, entities: found[i]?.map(rounded) ?? [] };
    }
  }
  if (cut > 0) {
    progress.say(
      `${count(cut)} of ${counted(done, "text")} cut to ${
        count(maxLength)
      } tokens; --stride reads them in windows`,
    );
  }
}

/** The same object with short numbers. */
function rounded(entity: object): object {
  return Object.fromEntries(
    Object.entries(entity).map(([name, value]) => [
      name,
      typeof value === "number" && !Number.isInteger(value)
        ? shortest(value)
        : value,
    ]),
  );
}

/** Tags the words of sentences. */
async function* taggedSentences(
  loaded: Loaded,
  sentences: readonly WordsInput[],
  { args, progress }: TaskContext,
): AsyncGenerator<Line> {
  const { model, tokenizer, maxLength } = loaded;
  const { batchSize, ...sampling } = scoreOptions(args);
  const samples = samplesOf(loaded, sampling);
  const isSampled = samples > 0;
  const losses = new Losses();
  const passes = isSampled ? samples : 1;
  using stage = progress.stage(
    "tagging",
    sentences.length * passes,
    isSampled ? "passes" : "texts",
  );
  const advance = (more: number) => stage.advance(more);
  const run = { model, tokenizer, maxLength, batchSize, advance };
  for await (const chunk of chunksOf(sentences, SENTENCES)) {
    const rows = chunk.map((sentence) => {
      const row = wordRow(sentence, run);
      losses.add(sentence, { wordIds: row.wordIds, options: run });
      return row;
    });
    const members = await ofMembers(
      loaded,
      sampling,
      () => tagOutputs(rows, run),
    );
    const names = namesOf(model.config);
    const tagged = new TaggedSentences(
      wordTags(members, { names, isSampled }),
      names,
    );
    for (const [i, { line, words }] of chunk.entries()) {
      yield { ...line, ...tagged.next(words, rows[i]) };
    }
  }
  const path = args.needed("data");
  for (const remark of losses.remarks(path, maxLength)) progress.say(remark);
}

/** A row, and the word of each of its tokens. */
interface WordRow extends TaggedRow {
  readonly wordIds: readonly (number | null)[];
}

/** Tokenizes words. The first token of each is marked, as if it had the first tag. */
function wordRow(
  { words, place }: WordsInput,
  { model, tokenizer, maxLength }: Pick<Loaded, "model" | "tokenizer"> & {
    maxLength: number;
  },
): WordRow {
  const row = tokenizeAndAlignLabels(
    tokenizer,
    { words, labels: words.map(() => 0) },
    { labelNames: namesOf(model.config), maxLength },
  );
  return { ...row, place, length: row.inputIds.length };
}

/** What is known of a tagged word. */
interface WordTag {
  readonly tag: string;
  /** The numbers of the word, such as its probability. */
  readonly measures: Record<string, number>;
}

/** The tags of words, from the scores of each sample of the weights. */
function wordTags(
  members: readonly Float32Array<ArrayBuffer>[],
  { names, isSampled }: { names: readonly string[]; isSampled: boolean },
): WordTag[] {
  const classes = names.length;
  if (!members[0]?.length) return []; // Sentences may be empty.
  const probabilities = meanProbabilities(members, classes);
  const all = interleaved(
    members.map((own) => softmaxRows(own, { classes })),
    classes,
  );
  const parts = isSampled
    ? uncertaintyParts(all, { members: members.length, classes })
    : undefined;
  return Array.from(argmaxRows(probabilities, { classes }), (id, word) => {
    const of = (sample: number) =>
      all[(word * members.length + sample) * classes + id] ?? NaN;
    const score = probabilities[word * classes + id] ?? NaN;
    const own = members.map((_, sample) => [of(sample)]);
    return {
      tag: names[id] ?? "O",
      measures: {
        score,
        ...parts && {
          std: standardDeviations(own, [score])[0] ?? NaN,
          entropy: parts.total[word] ?? NaN,
          mutualInformation: parts.mutualInformation[word] ?? NaN,
        },
      },
    };
  });
}

/** Gives the tags of one sentence after the other. */
class TaggedSentences {
  readonly #names: readonly string[];
  readonly #tags: readonly WordTag[];
  #at = 0;

  /**
   * @param tags The tags of all words that have one, in their order.
   * @param names The names of all tags.
   */
  constructor(tags: readonly WordTag[], names: readonly string[]) {
    this.#tags = tags;
    this.#names = names;
  }

  /** The fields of the next sentence. */
  next(
    words: readonly string[],
    row: WordRow | undefined,
  ): Line {
    const own: (WordTag | undefined)[] = words.map(() => undefined);
    for (const [token, id] of row?.labels.entries() ?? []) {
      const word = row?.wordIds[token] ?? null;
      if (id !== NO_TAG && word !== null) own[word] = this.#tags[this.#at++];
    }
    const scheme = schemeOf(this.#names);
    const tags = own.map((word) => word?.tag ?? null);
    if (!scheme) return { tags };
    const found = getEntities(tags.map((tag) => tag ?? "O"), scheme);
    let end = -1;
    const places = words.map((word) => {
      const start = end + 1;
      end = start + word.length;
      return { start, end };
    });
    const entities = found.map(([entityGroup, first, last]) => {
      const { score = NaN, ...uncertainty } = meanMeasures(
        own.slice(first, last + 1),
      );
      return rounded({
        entityGroup,
        score,
        word: words.slice(first, last + 1).join(" "),
        start: places[first]?.start,
        end: places[last]?.end,
        ...uncertainty,
      });
    });
    return { tags, entities };
  }
}

/** The mean of each measure over the words of an entity. */
function meanMeasures(
  words: readonly (WordTag | undefined)[],
): Record<string, number> {
  const all = words.flatMap((word) => word ? [word.measures] : []);
  return Object.fromEntries(
    Object.keys(all[0] ?? {}).map((name) => [
      name,
      all.reduce((sum, own) => sum + (own[name] ?? NaN), 0) / all.length,
    ]),
  );
}
