// Copyright 2026 the swagpu authors. MIT license.

// Trains tokenizers on the text that a folder names, and compares them with those
// that Hugging Face's compiled trainers made of it: vocabularies, merges, and how
// texts are encoded. Differences are counted; none is allowed.

import { Tokenizer, trainTokenizer } from "../../../models/mod.ts";
import type { Comparison } from "../compare.ts";

/** Where the texts are, seen from the folder. */
const TEXTS = "../../../data/gutenberg";

/** How often a pair must occur; the folder's files do not say it. */
const MIN_FREQUENCY = 2;

/** A vocabulary without a limit that any text here reaches. */
const UNLIMITED = 30000;

/** The parts of report.json that are read. */
interface Report {
  /** The name of the text. */
  text: string;
  bpe: { mergesWithMinFrequency?: Record<string, number> };
  /** By the size of the vocabulary, among other fields. */
  wordpiece: Record<string, { tokensThatDependOnTies?: string[] }>;
}

/** The parts of a `tokenizer.json` that are compared. */
interface TokenizerJson {
  added_tokens: { content: string }[];
  model: {
    vocab: Record<string, number>;
    merges?: (string | [string, string])[];
  };
}

/** The texts of encodings_*.json, encoded and decoded. */
interface Encodings {
  lines: string;
  ids: number[][];
  first10: {
    decoded: string[];
    detail: { tokens: string[]; offsets: [number, number][] }[];
  };
}

/** A case of the folder: a tokenizer of one type and size. */
interface Case {
  folder: string;
  /** The name of the files, such as `bpe_300`. */
  name: string;
  type: "bpe" | "wordpiece";
  size: string;
  report: Report;
  /** The text, in lines that keep their ends. */
  lines: readonly string[];
}

/**
 * Trains a tokenizer for each file of a folder and compares them.
 *
 * @param folder The folder, with `report.json`.
 * @returns A comparison for each kind of result; a failed one if the text is not
 * where it should be.
 */
export async function check(folder: string): Promise<Comparison[]> {
  const report: Report = await readJson(`${folder}/report.json`);
  const path = `${folder}/${TEXTS}/${report.text}`;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return [{
      name: "text",
      absolute: NaN,
      relative: NaN,
      ok: false,
      note: `there is no ${path} to train on`,
    }];
  }
  const lines = text.split(/(?<=\n)/);
  const results: Comparison[] = [];
  const files = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  for (const file of files) {
    const [, name = "", type = "", size = ""] =
      /^((bpe|wordpiece)_(\d+))\.json$/.exec(file) ?? [];
    if (type !== "bpe" && type !== "wordpiece") continue;
    results.push(
      ...await checkOne({ folder, name, type, size, report, lines }),
    );
  }
  const counts = report.bpe.mergesWithMinFrequency ?? {};
  for (const [minFrequency, expected] of Object.entries(counts)) {
    const { json } = await trained(lines, {
      type: "bpe",
      vocabSize: UNLIMITED,
      minFrequency: Number(minFrequency),
    });
    const found = json.model.merges?.length ?? 0;
    results.push({
      name: `bpe: merges that occur ${minFrequency} times`,
      absolute: Math.abs(found - expected),
      relative: Math.abs(found - expected) / expected,
      ok: found === expected,
      note: `${found} of ${expected}`,
    });
  }
  return results;
}

async function checkOne(one: Case): Promise<Comparison[]> {
  const { folder, name, type, lines } = one;
  const golden: TokenizerJson = await readJson(`${folder}/${name}.json`);
  const expected = byId(golden.model.vocab);
  const { tokenizer, json } = await trained(lines, {
    type,
    vocabSize: expected.length,
    minFrequency: MIN_FREQUENCY,
    specialTokens: golden.added_tokens.map(({ content }) => content),
  });
  const found = byId(json.model.vocab);
  const results = type === "bpe"
    ? [
      compareLists(`${name}: vocabulary`, found, expected),
      compareLists(
        `${name}: merges`,
        (json.model.merges ?? []).map(spellMerge),
        (golden.model.merges ?? []).map(spellMerge),
      ),
    ]
    : await compareWordPieces(one, found, expected);
  // The file that the compiled library wrote, read here. Cleaning up spaces is a
  // matter of transformers, not of the library.
  const theirs = new Tokenizer(
    new Map([
      ["tokenizer.json", JSON.stringify(golden)],
      [
        "tokenizer_config.json",
        JSON.stringify({ clean_up_tokenization_spaces: false }),
      ],
    ]),
  );
  const encodings: Encodings = await readJson(
    `${folder}/encodings_${name}.json`,
  );
  const texts: string[] = await readJson(`${folder}/${encodings.lines}`);
  // The compiled BPE tokenizers of the folder frame no texts.
  const addSpecialTokens = type === "wordpiece";
  const encode = (tokenizer: Tokenizer, text: string) =>
    tokenizer.encode(text, { addSpecialTokens });
  const free = new Set(freeTokens(one));
  const tokensOf = (ids: readonly number[]) =>
    ids.map((id) => expected[id] ?? "");
  const rows = texts.map((text, i) => ({
    text,
    ids: encodings.ids[i] ?? [],
    own: encode(tokenizer, text),
  }));
  const bound = rows.filter(({ ids, own }) =>
    ![...tokensOf(ids), ...own.tokens].some((token) => free.has(token))
  );
  const tokens = compareLists(
    `${name}: tokens of ${bound.length} texts`,
    bound.map(({ own }) => own.tokens.join(" ")),
    bound.map(({ ids }) => tokensOf(ids).join(" ")),
  );
  const details = encodings.first10.detail;
  results.push(
    compareLists(
      `${name}: ids by the library's own file`,
      texts.map((text) => encode(theirs, text).inputIds.join(" ")),
      encodings.ids.map((ids) => ids.join(" ")),
    ),
    bound.length === rows.length
      ? tokens
      : { ...tokens, note: `${rows.length - bound.length} depend on ties` },
    compareLists(
      `${name}: offsets`,
      details.map((_, i) =>
        offsetsInCharacters(texts[i] ?? "", encode(theirs, texts[i] ?? ""))
      ),
      details.map(({ offsets }) => offsets.join(" ")),
    ),
    compareLists(
      `${name}: decoded`,
      details.map((_, i) =>
        theirs.decode(encodings.ids[i] ?? [], { skipSpecialTokens: true })
      ),
      encodings.first10.decoded,
    ),
  );
  if (type === "bpe") {
    results.push(compareLists(
      `${name}: ids`,
      rows.map(({ own }) => own.inputIds.join(" ")),
      rows.map(({ ids }) => ids.join(" ")),
    ));
  }
  return results;
}

/**
 * Compares word pieces twice: one by one with the vocabulary that was made with the
 * continuing characters in the order of their code points, and as a set with a run
 * that ordered them by chance, without the tokens that depend on this order.
 */
async function compareWordPieces(
  one: Case,
  found: readonly string[],
  expected: readonly string[],
): Promise<Comparison[]> {
  const { folder, name, size } = one;
  const sorted: string[] = await readJson(
    `${folder}/wordpiece_sorted_vocab_${size}.json`,
  );
  const free = new Set(freeTokens(one));
  const bound = (tokens: readonly string[]) =>
    tokens.filter((token) => !free.has(token)).sort();
  return [
    compareLists(
      `${name}: vocabulary, continuing characters sorted`,
      found,
      sorted,
    ),
    compareLists(
      `${name}: vocabulary as a set`,
      bound(found),
      bound(expected),
      free.size > 0 ? `${free.size} tokens depend on ties` : undefined,
    ),
  ];
}

function freeTokens({ type, size, report }: Case): readonly string[] {
  return type === "bpe"
    ? []
    : report.wordpiece[size]?.tokensThatDependOnTies ?? [];
}

/** Trains a tokenizer, and reads the file that it saves. */
async function trained(
  lines: readonly string[],
  options: Parameters<typeof trainTokenizer>[1],
): Promise<{ tokenizer: Tokenizer; json: TokenizerJson }> {
  const tokenizer = await trainTokenizer(lines, options);
  const folder = await Deno.makeTempDir();
  try {
    await tokenizer.save(folder);
    return { tokenizer, json: await readJson(`${folder}/tokenizer.json`) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** The tokens in the order of their ids. */
function byId(vocabulary: Record<string, number>): string[] {
  return Object.entries(vocabulary).sort(([, a], [, b]) => a - b)
    .map(([token]) => token);
}

function spellMerge(merge: string | readonly string[]): string {
  return typeof merge === "string" ? merge : merge.join(" ");
}

/** The library counts characters, and offsets here count UTF-16 units. */
function offsetsInCharacters(
  text: string,
  { offsets }: { offsets: readonly (readonly [number, number])[] },
): string {
  const count = (end: number) => [...text.slice(0, end)].length;
  return offsets.map(([start, end]) => [count(start), count(end)].join(","))
    .join(" ");
}

/** Counts the places at which two lists differ. */
function compareLists(
  name: string,
  found: readonly string[],
  expected: readonly string[],
  note?: string,
): Comparison {
  const length = Math.max(found.length, expected.length);
  let differences = 0;
  let first: string | undefined;
  for (let i = 0; i < length; i++) {
    if (found[i] === expected[i]) continue;
    differences++;
    first ??= `${i} is ${JSON.stringify(found[i])}, expected ${
      JSON.stringify(expected[i])
    }`.slice(0, 300);
  }
  const remark = first ?? note;
  return {
    name,
    absolute: differences,
    relative: length === 0 ? 0 : differences / length,
    ok: differences === 0 && expected.length > 0,
    ...(remark === undefined ? {} : { note: remark }),
  };
}
