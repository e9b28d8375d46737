// Copyright 2026 the swagpu authors. MIT license.

/**
 * Checks that random tokenizers give the same results for random texts as Hugging
 * Face's compiled tokenizers.
 *
 * @module
 */

import { Tokenizer as Oracle } from "tokenizers";
import {
  type Encoding,
  Tokenizer,
  type TokenizerInput,
} from "../../models/mod.ts";
import {
  Finding,
  type Fuzzer,
  isInternal,
  type Outcome,
  type Random,
} from "./fuzzer.ts";
import {
  type Fields,
  flip,
  type RandomTokenizer,
  randomTokenizer,
} from "./random_tokenizers.ts";

/** Turns positions in characters into positions in UTF-16 units. */
function toUnits(text: string): (place: number) => number {
  const units = [0];
  for (const char of text) units.push((units.at(-1) ?? 0) + char.length);
  return (place) => units[place] ?? -1;
}

/** The parts of an encoding that are compared. */
interface Row {
  ids: readonly number[];
  types: readonly number[];
  offsets: readonly (readonly number[])[];
  sequences: readonly (number | null)[];
  words: readonly (number | null)[];
}

function ours(encoding: Encoding): Row {
  return {
    ids: encoding.inputIds,
    types: encoding.tokenTypeIds,
    offsets: encoding.offsets,
    sequences: encoding.sequenceIds,
    words: encoding.wordIds,
  };
}

type OracleEncoding = Awaited<ReturnType<Oracle["encode"]>>;

function theirs(
  encoding: OracleEncoding,
  texts: readonly string[],
  count: number,
): Row {
  const special = encoding.getSpecialTokensMask();
  const sequences = encoding.getSequenceIds()
    // Without special tokens, further rows do not say to which text a token belongs.
    .map((one, i) =>
      special[i]
        ? null
        : one ?? (count === 1 ? 0 : encoding.getTypeIds()[i] ?? 0)
    );
  const places = texts.map(toUnits);
  return {
    ids: encoding.getIds(),
    types: encoding.getTypeIds(),
    offsets: encoding.getOffsets().map((pair, i) =>
      special[i] ? [0, 0] : pair.map(places[sequences[i] ?? 0] ?? Number)
    ),
    sequences,
    words: encoding.getWordIds().map((word) => word ?? null),
  };
}

/**
 * Encodes and then truncates: version 0.23 loses a part of the overflowing tokens when
 * it truncates while it encodes.
 */
async function truncated(
  json: Fields,
  oracle: Oracle,
  text: string,
  pair: string | null,
  options: {
    maxLength: number;
    truncation: "longest_first" | "only_first" | "only_second";
    truncationSide: "left" | "right";
    stride: number;
    addSpecialTokens: boolean;
  },
): Promise<OracleEncoding> {
  const bare = Oracle.fromString(
    JSON.stringify({ ...json, post_processor: null }),
  );
  const plain = { addSpecialTokens: false };
  const first = await bare.encode(text, null, plain);
  const second = pair === null ? null : await bare.encode(pair, null, plain);
  oracle.setTruncation(options.maxLength, {
    strategy: ({
      longest_first: "LongestFirst",
      only_first: "OnlyFirst",
      only_second: "OnlySecond",
    })[options.truncation] as never,
    direction: options.truncationSide,
    stride: options.stride,
  });
  try {
    return oracle.postProcess(first, second, options.addSpecialTokens);
  } finally {
    oracle.disableTruncation();
  }
}

function differs(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

/** Whether offsets cannot agree, because BPE moves them where it drops characters. */
function movesOffsets(json: Fields): boolean {
  const { type, unk_token: unknown, byte_fallback: bytes } = json
    .model as Fields;
  return type === "BPE" && (unknown === null || bytes === true);
}

/** A tokenizer, and the compiled tokenizer of the same file. */
interface Both {
  json: Fields;
  oracle: Oracle;
  tokenizer: Tokenizer;
}

/**
 * Compares a tokenizer with the compiled one.
 *
 * @throws {Finding} If they differ.
 */
export async function compare(
  random: Random,
  { json, texts }: RandomTokenizer,
): Promise<Outcome> {
  const both = readBoth(json);
  if (typeof both === "string") return both;
  for (const [i, text] of texts.entries()) {
    const pair = i % 3 === 2 ? texts[i - 1] ?? "" : null;
    const encoding = await compareEncodings(random, both, { text, pair });
    if (encoding) await compareDecoding(random, both, encoding);
  }
  return "accepted";
}

/** Reads a file with both, or returns the outcome if the compiled one refuses it. */
function readBoth(json: Fields): Both | Outcome {
  const content = JSON.stringify(json);
  let oracle: Oracle;
  try {
    oracle = Oracle.fromString(content);
  } catch (error) {
    // A file that the compiled tokenizers refuse may be refused here too.
    try {
      new Tokenizer(new Map([["tokenizer.json", content]]));
    } catch (own) {
      if (isInternal(own)) {
        throw new Finding("internal message", `${own} for ${content}`);
      }
      return "refused";
    }
    if (!String(error).includes("regex")) return "accepted";
    return "refused";
  }
  // The compiled tokenizers do not clean up spaces: that is done by transformers.
  const config = JSON.stringify({ clean_up_tokenization_spaces: false });
  try {
    const tokenizer = new Tokenizer(
      new Map([["tokenizer.json", content], ["tokenizer_config.json", config]]),
    );
    return { json, oracle, tokenizer };
  } catch (own) {
    throw new Finding("wrong result", `${own} for ${content}`);
  }
}

function refuse(
  what: string,
  { input, found, expected, json }: {
    input: unknown;
    found: unknown;
    expected: unknown;
    json: Fields;
  },
): never {
  throw new Finding(
    "wrong result",
    `${what} of ${JSON.stringify(input)}: ${JSON.stringify(found)}, expected ${
      JSON.stringify(expected)
    }, by ${JSON.stringify(json)}`,
  );
}

/**
 * Compares the encodings of a text or a pair with random options.
 *
 * @returns The encoding; `null` if both refuse the text.
 */
async function compareEncodings(
  random: Random,
  { json, oracle, tokenizer }: Both,
  { text, pair }: { text: string; pair: string | null },
): Promise<Encoding | null> {
  const input: TokenizerInput = pair === null ? text : [text, pair];
  const addSpecialTokens = random.next() < 0.7;
  const strategy = pair === null
    ? "longest_first"
    : random.pick(["longest_first", "only_first", "only_second"] as const);
  const truncation = random.next() < 0.4
    ? {
      maxLength: random.integer(7, 14),
      truncation: strategy,
      truncationSide: random.pick(["left", "right"] as const),
      // A stride as long as a window crashes the compiled tokenizers.
      stride: pair === null ? random.integer(0, 3) : 0,
      returnOverflowingTokens: true,
    }
    : null;
  let expected: OracleEncoding | null = null;
  let reason = "";
  try {
    expected = truncation === null
      ? await oracle.encode(text, pair, { addSpecialTokens })
      : await truncated(json, oracle, text, pair, {
        ...truncation,
        addSpecialTokens,
      });
  } catch (error) {
    reason = String(error);
  }
  let found: Encoding | null = null;
  try {
    found = tokenizer.encode(input, { addSpecialTokens, ...truncation });
  } catch (own) {
    if (isInternal(own)) {
      throw new Finding(
        "internal message",
        `${own} for ${JSON.stringify(input)} by ${JSON.stringify(json)}`,
      );
    }
    if (expected !== null) {
      const ids = expected.getIds();
      refuse("the encoding", {
        input,
        found: String(own),
        expected: ids,
        json,
      });
    }
  }
  if (expected === null || found === null) {
    // Whether a vocabulary covers all characters is up to the file.
    if (
      found !== null &&
      !/SequenceTooShort|stride|Truncation|too short/i.test(reason)
    ) {
      const { inputIds } = found;
      refuse("the encoding", {
        input,
        found: inputIds,
        expected: reason,
        json,
      });
    }
    return null;
  }
  const inputs = pair === null ? [text] : [text, pair];
  const rows = [expected, ...expected.getOverflowing()]
    .map((one) => theirs(one, inputs, inputs.length));
  const mine = [found, ...found.overflowing ?? []].map(ours);
  if (rows.length !== mine.length) {
    refuse("the rows", { input, found: mine, expected: rows, json });
  }
  for (const [j, row] of rows.entries()) {
    const own = mine[j];
    if (own === undefined) break;
    for (
      const key of ["ids", "types", "sequences", "words", "offsets"] as const
    ) {
      if (key === "offsets" && movesOffsets(json)) continue;
      // Without special tokens, further rows do not say to which text a token belongs.
      const unsaid = json.post_processor === null && pair !== null && j > 0;
      if (unsaid && (key === "offsets" || key === "sequences")) continue;
      // Encodings that are truncated afterwards have only one token type.
      if (key === "types" && truncation !== null) continue;
      if (!differs(own[key], row[key])) continue;
      refuse(key, {
        input: { input, truncation, addSpecialTokens, j },
        found: own,
        expected: row,
        json,
      });
    }
  }
  return found;
}

/** Compares the texts of an encoding's ids, or of random ids. */
async function compareDecoding(
  random: Random,
  { json, oracle, tokenizer }: Both,
  { inputIds }: Encoding,
): Promise<void> {
  const ids = flip(random) ? [...inputIds] : Array.from(
    { length: 8 },
    () => random.integer(0, tokenizer.vocabSize + 2),
  );
  // Version 0.23 returns added tokens normalized, and then does not recognize them as
  // special; the version of transformers 4.57 returns them unchanged.
  const respelled = ids.some((id) =>
    (oracle.idToToken(id) ?? null) !== tokenizer.idToToken(id)
  );
  for (const skipSpecialTokens of respelled ? [] : [true, false]) {
    const expected = await oracle.decode(ids, skipSpecialTokens);
    const found = tokenizer.decode(ids, { skipSpecialTokens });
    if (found !== expected) {
      const input = { ids, skipSpecialTokens };
      refuse("the text", { input, found, expected, json });
    }
  }
}

/** Values that rarely make sense. */
function oddValue(random: Random): unknown {
  return random.pick<() => unknown>([
    () => null,
    () => undefined,
    () => -1,
    () => 1.5,
    () => 1e9,
    () => 2 ** 32,
    () => "",
    () => "odd",
    () => true,
    () => [],
    () => [null],
    () => ({}),
    () => ({ type: "Odd" }),
    () => {
      const key = random.pick(["normalizers", "pretokenizers", "decoders"]);
      let deep: unknown = [];
      for (let i = 0; i < 1000; i++) deep = { type: "Sequence", [key]: [deep] };
      return deep;
    },
  ])();
}

/** Copies a value, and replaces one part of it. */
function mutated(random: Random, value: unknown): unknown {
  if (typeof value !== "object" || value === null || random.next() < 0.12) {
    return oddValue(random);
  }
  const keys = Object.keys(value);
  if (keys.length === 0) return oddValue(random);
  const key = random.pick(keys);
  const inner = mutated(random, (value as Fields)[key]);
  return Array.isArray(value)
    ? value.with(Number(key), inner)
    : { ...value, [key]: inner };
}

/**
 * Reads a file with a broken part. It must be used, or refused with an error that names
 * the file.
 *
 * @throws {Finding} If the message is useless.
 */
function tryBroken(
  random: Random,
  { json, texts }: RandomTokenizer,
): "accepted" | "refused" {
  const config = {
    tokenizer_class: random.pick(["BertTokenizer", "RobertaTokenizerFast"]),
    model_max_length: 512,
    padding_side: "right",
    cls_token: "[CLS]",
    additional_special_tokens: ["<L>"],
    added_tokens_decoder: { "3": { content: "<R>", special: true } },
  };
  const special = { sep_token: { content: "[SEP]", lstrip: false } };
  const files: [string, unknown][] = [
    ["tokenizer.json", json],
    ["tokenizer_config.json", config],
    ["special_tokens_map.json", special],
    ["added_tokens.json", { "<N>": 7 }],
  ];
  const place = random.next() < 0.7 ? 0 : random.integer(1, files.length);
  const broken = files.map(([name, content], i): [string, string] => [
    name,
    JSON.stringify(i === place ? mutated(random, content) : content) ?? "",
  ]);
  try {
    const tokenizer = new Tokenizer(new Map(broken), { source: "folder" });
    for (const text of texts) {
      tokenizer.decode(tokenizer.encode(text).inputIds);
    }
    return "accepted";
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (isInternal(error) || !/^Cannot (read folder\/|encode )/.test(message)) {
      const content = broken[place]?.[1].slice(0, 3000);
      throw new Finding("internal message", `${error} for ${content}`);
    }
    return "refused";
  }
}

/** Compares random tokenizers with the compiled ones, and breaks some. */
export const fuzzer: Fuzzer = {
  name: "tokenizers",
  description:
    "random tokenizer.json files and texts against the compiled ones",
  short: 150,
  limit: 10,
  trial: async (random) => {
    const tokenizer = randomTokenizer(random);
    return random.next() < 0.25
      ? tryBroken(random, tokenizer)
      : await compare(random, tokenizer);
  },
};
