// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `train-tokenizer`, which makes a tokenizer from texts.
 *
 * @module
 */

import {
  type TokenizerTrainingProgress,
  trainTokenizer,
  type TrainTokenizerOptions,
} from "../models/mod.ts";
import { type Arguments, type Command, COMMON_OPTIONS } from "./arguments.ts";
import { Interrupt } from "./interrupt.ts";
import { count, counted } from "../data/names.ts";
import { OutputFolder } from "./output_folder.ts";
import { PLAIN_TEXT_OPTIONS, plainTexts } from "./plain_texts.ts";
import { Progress } from "./progress.ts";
import { prepareOutput } from "./save.ts";
import { print } from "./standard_output.ts";

const TYPES = ["wordpiece", "bpe"] as const;

/** Files that are only in folders that hold a tokenizer. */
const TOKENIZER_FILES = [
  "tokenizer.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "source.spm",
];

/** The usual special tokens of each type. */
const SPECIAL_TOKENS = {
  wordpiece: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
  bpe: ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
};

/** The options that apply to one type only. */
const OWN_OPTIONS = {
  wordpiece: ["strip-accents", "continuing-subword-prefix"],
  bpe: ["add-prefix-space", "max-token-length"],
};

/** Makes a tokenizer from texts. */
export const trainTokenizerCommand: Command = {
  name: "train-tokenizer",
  summary: "Makes a tokenizer from texts: WordPiece, as BERT has, or " +
    "byte-level BPE, as RoBERTa has.",
  usage: "--data FILE … --type TYPE --output DIR [options]",
  options: {
    Data: [
      {
        name: "data",
        value: "FILE",
        help: "Texts: the lines of a .txt file, or a column of CSV, TSV or " +
          "JSONL, also as .gz; - for standard input. Text files may be larger " +
          "than memory.",
        repeatable: true,
      },
      ...PLAIN_TEXT_OPTIONS,
    ],
    Tokenizer: [
      {
        name: "type",
        value: "wordpiece|bpe",
        help: "WordPiece or byte-level BPE.",
      },
      {
        name: "vocab-size",
        value: "N",
        help: "Number of tokens, special ones included (30000).",
      },
      {
        name: "min-frequency",
        value: "N",
        help: "How often two tokens must stand side by side to be joined (2).",
      },
      {
        name: "special-token",
        value: "TOKEN",
        help: "A special token besides the usual ones: [PAD], [UNK], [CLS], " +
          "[SEP], [MASK] for WordPiece, and <s>, <pad>, </s>, <unk>, <mask> " +
          "for BPE.",
        repeatable: true,
      },
      {
        name: "lowercase",
        value: "true|false",
        help: "Whether texts are lower-cased (true for WordPiece, false for " +
          "BPE).",
      },
      {
        name: "strip-accents",
        value: "true|false",
        help: "WordPiece: whether accents are removed (as --lowercase).",
      },
      {
        name: "limit-alphabet",
        value: "N",
        help: "Most characters that are tokens by themselves (1000 for " +
          "WordPiece, no limit for BPE).",
      },
      {
        name: "continuing-subword-prefix",
        value: "TEXT",
        help: "WordPiece: begins tokens that are not the first of a word (##).",
      },
      {
        name: "add-prefix-space",
        help: "BPE: put a space before each text, so that its first word is " +
          "like any other.",
      },
      {
        name: "max-token-length",
        value: "N",
        help: "BPE: the length in bytes that tokens stay below (no limit).",
      },
      {
        name: "model-max-length",
        value: "N",
        help: "Most tokens that the model will support, to be noted in " +
          "tokenizer_config.json (none).",
      },
    ],
    Result: [
      {
        name: "output",
        value: "DIR",
        help: "Folder for tokenizer.json and the files beside it, which " +
          "Python's transformers can load too.",
      },
      {
        name: "overwrite",
        help: "Replace the tokenizer that the folder holds.",
      },
      ...COMMON_OPTIONS,
    ],
  },
  notes: `Examples:
  swagpu train-tokenizer --data books.txt --type wordpiece --output tokenizer
  swagpu train-tokenizer --data a.csv --data b.csv --text-column review \\
    --type bpe --vocab-size 8000 --output tokenizer
  swagpu tokenize --tokenizer tokenizer --text "Not bad at all"

A line of a text file keeps its end, as when Hugging Face's trainers read files.`,
  async run(args) {
    const files = args.list("data");
    if (files.length === 0) args.needed("data");
    if (files.filter((path) => path === "-").length > 1) {
      throw new TypeError(
        "Cannot read standard input twice: give --data - once",
      );
    }
    const options = readOptions(args);
    const output = args.needed("output");
    const maxLength = args.integer("model-max-length", { min: 1 });
    const progress = new Progress({ quiet: args.flag("quiet") });
    await using _folder = await OutputFolder.make(
      output,
      () =>
        prepareOutput(output, args.flag("overwrite"), {
          files: TOKENIZER_FILES,
        }),
    );
    using interrupt = new Interrupt(() =>
      progress.say("Stopping: nothing is saved")
    );
    const { signal } = interrupt;
    let read = 0;
    const texts = async function* (): AsyncGenerator<string> {
      for (const path of files) {
        for await (
          const { text, pair } of plainTexts(path, {
            args,
            signal,
            keepLineEnds: true,
          })
        ) {
          read++;
          yield text;
          if (pair !== undefined) yield pair;
        }
      }
    };
    let tokenizer;
    try {
      tokenizer = await trainTokenizer(texts(), {
        ...options,
        signal,
        onProgress: (report) => progress.show(() => describe(report)),
      });
    } catch (error) {
      progress.clear();
      if (signal.aborted) return interrupt.exitCode;
      throw byOptions(error, files);
    }
    progress.clear();
    // Input that a signal cut off is not what was asked for.
    if (signal.aborted) return interrupt.exitCode;
    if (maxLength !== undefined) tokenizer.modelMaxLength = maxLength;
    await interrupt.finish(() => tokenizer.save(output));
    const { vocabSize } = tokenizer;
    const { vocabSize: asked = 30000, minFrequency = 2 } = options;
    if (vocabSize < asked) {
      progress.say(
        `${count(vocabSize)} tokens instead of ${
          count(asked)
        }: no other pair ` +
          `occurs ${counted(Math.max(1, minFrequency), "time")}`,
      );
    }
    await print(
      `Saved ${output}: ${counted(vocabSize, "token")} from ` +
        counted(read, "text"),
    );
    return interrupt.exitCode;
  },
};

/** Reads the options of the tokenizer. */
function readOptions(args: Arguments): TrainTokenizerOptions {
  args.needed("type");
  const type = args.choice("type", TYPES) ?? "bpe";
  const other = type === "bpe" ? "wordpiece" : "bpe";
  const idle = OWN_OPTIONS[other].find((name) => args.flag(name));
  if (idle !== undefined) {
    throw new TypeError(
      `Cannot use --${idle} with --type ${type}: it applies to --type ${other}`,
    );
  }
  const more = args.list("special-token");
  const common = {
    vocabSize: args.integer("vocab-size", { min: 1 }),
    minFrequency: args.integer("min-frequency", { min: 0 }),
    limitAlphabet: args.integer("limit-alphabet", { min: 1 }),
    lowercase: truth(args, "lowercase"),
    specialTokens: [...new Set([...SPECIAL_TOKENS[type], ...more])],
  };
  const own = type === "wordpiece"
    ? {
      stripAccents: truth(args, "strip-accents"),
      continuingSubwordPrefix: args.text("continuing-subword-prefix"),
    }
    : {
      addPrefixSpace: args.flag("add-prefix-space"),
      maxTokenLength: args.integer("max-token-length", { min: 2 }),
    };
  const given = Object.entries({ ...common, ...own })
    .filter(([, value]) => value !== undefined);
  return { type, ...Object.fromEntries(given) } as TrainTokenizerOptions;
}

/** The value of an option that must be true or false, if it was given. */
function truth(args: Arguments, name: string): boolean | undefined {
  const value = args.choice(name, ["true", "false"]);
  return value === undefined ? undefined : value === "true";
}

/** The progress line. */
function describe({ stage, done, total }: TokenizerTrainingProgress): string {
  return stage === "words"
    ? `counting words  ${counted(done, "text")}`
    : `joining tokens  ${count(done)} of ${count(total ?? 0)} tokens`;
}

/** Turns an error of the library into the words of the command line. */
function byOptions(error: unknown, files: readonly string[]): unknown {
  if (!(error instanceof RangeError)) return error;
  const message = error.message
    .replaceAll("vocabSize", "--vocab-size")
    .replaceAll("limitAlphabet", "--limit-alphabet")
    .replace(/the texts have no words$/, `${files.join(", ")} has no words`);
  return new RangeError(message, { cause: error });
}
