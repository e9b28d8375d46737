// Copyright 2026 the swagpu authors. MIT license.

// Marian's tokenizer: a SentencePiece model for the source language, one for the
// target language, and `vocab.json` with the ids of both. Like transformers
// without the optional sacremoses, it does not normalize punctuation first.

import {
  collectAddedTokens,
  TokenFinder,
  tokenText,
  valueOf,
} from "./added_tokens.ts";
import { checkNoGaps, parseIds } from "./byte_level.ts";
import { cleanUp } from "./decoders.ts";
import type { Codec, CodecDecodeOptions, SpecialTokenName } from "./codec.ts";
import { noPieces, type Pieces, type TemplateItem } from "./encoding.ts";
import { SentencePieceModel } from "./sentencepiece.ts";

/** The files of a Marian model. */
export interface MarianParts {
  readonly sourceModel: Uint8Array;
  readonly targetModel: Uint8Array;
  /** The fields of `vocab.json`. */
  readonly vocabulary: Record<string, unknown>;
  /** The fields of `target_vocab.json`, if the target language has other ids. */
  readonly targetVocabulary: Record<string, unknown> | null;
  readonly config: Record<string, unknown>;
  readonly special: Record<string, unknown>;
  readonly added: Record<string, unknown>;
  /** The name of the folder in errors. */
  readonly source: string;
}

const ROLES = { unk: "<unk>", eos: "</s>", pad: "<pad>" } as const;
/** Marks the language into which a multilingual model translates. */
const LANGUAGE = />>[^\n]+<</g;
/** The spaces that Python removes from the ends of a text. */
// deno-lint-ignore no-control-regex
const ENDS = /^[\p{White_Space}\x1c-\x1f]+|[\p{White_Space}\x1c-\x1f]+$/gu;

/** The codec of `source.spm`, `target.spm` and `vocab.json`. */
export class MarianCodec implements Codec {
  readonly size: number;
  readonly special: ReadonlyMap<SpecialTokenName, string>;
  readonly specialIds: ReadonlySet<number>;
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
  readonly trims = [];
  readonly refusesWords = null;
  #sourceModel: SentencePieceModel;
  #targetModel: SentencePieceModel;
  #sourceIds: ReadonlyMap<string, number>;
  #targetIds: ReadonlyMap<string, number>;
  #tokens: ReadonlyMap<number, string>;
  #finder: TokenFinder;
  #unknown: string;
  #unknownId: number;

  constructor(parts: MarianParts) {
    const { source, vocabulary, targetVocabulary } = parts;
    const path = `${source}/vocab.json`;
    const targetPath = `${source}/target_vocab.json`;
    this.#sourceModel = new SentencePieceModel(
      parts.sourceModel,
      `${source}/source.spm`,
    );
    this.#targetModel = new SentencePieceModel(
      parts.targetModel,
      `${source}/target.spm`,
    );
    const ids = parseIds(vocabulary, path);
    const added = collectAddedTokens(ids, { ...parts, roles: ROLES });
    for (const { content, id } of added) ids.set(content, id);
    checkNoGaps(ids.values(), path);
    const targetIds = targetVocabulary === null
      ? ids
      : parseIds(targetVocabulary, targetPath);
    if (targetVocabulary !== null) checkNoGaps(targetIds.values(), targetPath);
    this.#sourceIds = ids;
    this.#targetIds = targetIds;
    this.size = Math.max(ids.size, targetIds.size);
    this.#tokens = new Map(Array.from(targetIds, ([token, id]) => [id, token]));
    const names = new Map<SpecialTokenName, string>();
    for (const [role, usual] of Object.entries(ROLES)) {
      const token = tokenText(valueOf(parts, `${role}_token`)) ?? usual;
      if (ids.has(token)) names.set(role as SpecialTokenName, token);
    }
    this.special = names;
    const idOf = (role: "unk" | "eos"): number => {
      const id = ids.get(names.get(role) ?? "");
      if (id !== undefined) return id;
      throw new SyntaxError(
        `Cannot read ${path}: it holds no ${ROLES[role]}, which Marian needs`,
      );
    };
    this.#unknownId = idOf("unk");
    this.#unknown = names.get("unk") ?? ROLES.unk;
    const end: TemplateItem = { id: idOf("eos"), type: 0 };
    this.single = [{ text: 0, type: 0 }, end];
    this.pair = [{ text: 0, type: 0 }, { text: 1, type: 0 }, end];
    this.specialIds = new Set(
      added.filter(({ special }) => special).map(({ id }) => id),
    );
    this.#finder = new TokenFinder(
      new Map(added.map((token) => [token.content, token])),
    );
  }

  tokenToId(token: string): number | undefined {
    return this.#sourceIds.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens.get(id);
  }

  split(text: string, target: boolean): Pieces {
    const pieces = noPieces();
    const model = target ? this.#targetModel : this.#sourceModel;
    const ids = target ? this.#targetIds : this.#sourceIds;
    let word = -1;
    const push = (token: string, start: number, end: number): void => {
      pieces.ids.push(ids.get(token) ?? this.#unknownId);
      pieces.starts.push(start);
      pieces.ends.push(end);
      pieces.words.push(Math.max(word, 0));
    };
    for (const { from, to, token } of this.#finder.split(text)) {
      if (token !== undefined) {
        word++;
        push(token.content, from, to);
        continue;
      }
      const { language, rest, offsetOf } = withoutLanguages(
        text.slice(from, to),
      );
      if (language !== "") {
        word++;
        push(language, from, from + language.length);
      }
      let begins = true;
      for (const piece of model.encode(rest)) {
        if (begins || piece.text.startsWith("▁")) word++;
        begins = false;
        const start = offsetOf(piece.start);
        const end = piece.end > piece.start
          ? offsetOf(piece.end - 1) + 1
          : start;
        push(piece.text, from + start, from + end);
      }
    }
    return pieces;
  }

  decode(row: readonly number[], options: CodecDecodeOptions): string {
    const { skipSpecialTokens, cleanUpSpaces = false } = options;
    const special = new Set(this.special.values());
    let text = "";
    let pieces: string[] = [];
    for (const id of row) {
      if (skipSpecialTokens && this.specialIds.has(id)) continue;
      const token = this.#tokens.get(id) ?? this.#unknown;
      if (special.has(token)) {
        text += `${this.#targetModel.decode(pieces)}${token} `;
        pieces = [];
      } else {
        pieces.push(token);
      }
    }
    text += this.#targetModel.decode(pieces);
    const result = text.replaceAll("▁", " ").replace(ENDS, "");
    return cleanUpSpaces ? cleanUp(result) : result;
  }
}

/**
 * Removes `>>language<<` marks from a text. A mark at the start is the language;
 * `offsetOf` maps an index of `rest` to the text.
 */
function withoutLanguages(
  text: string,
): { language: string; rest: string; offsetOf: (index: number) => number } {
  const marks = [...text.matchAll(LANGUAGE)];
  const [first] = marks;
  const offsetOf = (index: number): number => {
    let offset = index;
    for (const mark of marks) {
      if (mark.index <= offset) offset += mark[0].length;
    }
    return offset;
  };
  return {
    language: first?.index === 0 ? first[0] : "",
    rest: text.replace(LANGUAGE, ""),
    offsetOf,
  };
}
