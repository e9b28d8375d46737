// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `tokenize`, which shows how a tokenizer splits texts.
 *
 * @module
 */

import {
  AutoTokenizer,
  type EncodeOptions,
  type Tokenizer,
} from "../models/mod.ts";
import { type Arguments, type Command, COMMON_OPTIONS } from "./arguments.ts";
import { count, counted } from "../data/names.ts";
import {
  PLAIN_TEXT_OPTIONS,
  type PlainText,
  plainTexts,
} from "./plain_texts.ts";
import { Progress } from "./progress.ts";
import { printLines } from "./standard_output.ts";

/** How many lines are written at a time. */
const CHUNK = 256;

/** A text, and what is written before its tokens. */
interface Input extends PlainText {
  /** The number of the row in its file, from 1 on. */
  readonly row?: number;
}

/** Shows how a tokenizer splits texts. */
export const tokenize: Command = {
  name: "tokenize",
  summary: "Splits texts into tokens: prints a line of JSON for each, with " +
    "tokens, ids and offsets.",
  usage: "--tokenizer DIR (--data FILE | --text TEXT) [options]",
  options: {
    Data: [
      {
        name: "data",
        value: "FILE",
        help: "Texts: the lines of a .txt file, or a column of CSV, TSV or " +
          "JSONL, also as .gz; - for standard input.",
      },
      { name: "text", value: "TEXT", help: "A text.", repeatable: true },
      {
        name: "pair",
        value: "TEXT",
        help: "The second text of a pair, one for each --text.",
        repeatable: true,
      },
      ...PLAIN_TEXT_OPTIONS,
    ],
    Tokenizer: [
      {
        name: "tokenizer",
        value: "DIR",
        help: "Folder of a tokenizer or model, or a name on the Hugging Face " +
          "Hub.",
      },
      {
        name: "max-length",
        value: "N",
        help: "Most tokens of a text; the rest is left out (no limit).",
      },
      {
        name: "no-special-tokens",
        help: "Leave out the special tokens that frame a text.",
      },
    ],
    Result: COMMON_OPTIONS,
  },
  notes: `Examples:
  swagpu tokenize --tokenizer model --text "Not bad at all"
  swagpu tokenize --tokenizer model --data reviews.csv --text-column review

Offsets are [start, end) in UTF-16 units, as JavaScript counts, and [0, 0] for
special tokens that frame a text. sequence_ids tell of which text of a pair a
token is. The ends of lines of a text file are left out.`,
  async run(args) {
    const source = args.needed("tokenizer");
    const maxLength = args.integer("max-length", { min: 1 });
    const options: EncodeOptions = {
      addSpecialTokens: !args.flag("no-special-tokens"),
      ...(maxLength === undefined ? {} : { maxLength }),
    };
    const inputs = inputsOf(args);
    const progress = new Progress({ quiet: args.flag("quiet") });
    const tokenizer = await progress.during(
      `reading ${source}`,
      AutoTokenizer.fromPretrained(source),
    );
    progress.begin();
    const totals = { texts: 0, tokens: 0, longest: 0 };
    let lines: string[] = [];
    const print = async (): Promise<boolean> => {
      progress.clear();
      const goesOn = await printLines(lines);
      lines = [];
      return goesOn;
    };
    for await (const input of inputs) {
      const { line, length } = lineOf(tokenizer, input, options);
      lines.push(line);
      totals.texts++;
      totals.tokens += length;
      totals.longest = Math.max(totals.longest, length);
      if (lines.length < CHUNK) continue;
      if (!await print()) return 0;
      progress.show(() => `tokenizing  ${counted(totals.texts, "text")}`);
    }
    if (!await print()) return 0;
    if (args.text("data") !== undefined) {
      progress.say(
        `${counted(totals.texts, "text")}, ${
          counted(totals.tokens, "token")
        }, ` +
          `at most ${count(totals.longest)} in a text`,
      );
    }
    return 0;
  },
};

/** The texts of the options, or of the file that one names. */
function inputsOf(args: Arguments): AsyncIterable<Input> | Iterable<Input> {
  const path = args.text("data");
  const texts = args.list("text");
  const pairs = args.list("pair");
  if ((path === undefined) === (texts.length === 0)) {
    throw new TypeError("Cannot tokenize: give either --data or --text");
  }
  if (path === undefined) {
    const idle = PLAIN_TEXT_OPTIONS.find(({ name }) => args.flag(name));
    if (idle !== undefined) {
      throw new TypeError(
        `Cannot use --${idle.name} with --text: it applies to files`,
      );
    }
    if (pairs.length > 0 && pairs.length !== texts.length) {
      throw new TypeError(
        `Cannot pair ${counted(texts.length, "--text")} with ` +
          `${counted(pairs.length, "--pair")}: give one --pair for each --text`,
      );
    }
    return texts.map((text, i) => ({ text, pair: pairs[i] }));
  }
  if (pairs.length > 0) {
    throw new TypeError(
      "Cannot use --pair with --data: name the column of second texts with " +
        "--pair-column",
    );
  }
  return (async function* () {
    let row = 0;
    for await (const input of plainTexts(path, { args })) {
      yield { row: ++row, ...input };
    }
  })();
}

/** The line of JSON of a text, and its number of tokens. */
function lineOf(
  tokenizer: Tokenizer,
  { row, text, pair }: Input,
  options: EncodeOptions,
): { line: string; length: number } {
  const { tokens, inputIds, offsets, sequenceIds } = tokenizer.encode(
    pair === undefined ? text : [text, pair],
    options,
  );
  const line = JSON.stringify({
    ...(row === undefined ? {} : { row }),
    text,
    ...(pair === undefined ? {} : { pair }),
    tokens,
    ids: inputIds,
    offsets,
    ...(pair === undefined ? {} : { sequence_ids: sequenceIds }),
  });
  return { line, length: tokens.length };
}
