// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// The post-processors of `tokenizer.json`: how one or two texts are framed, and
// whether tokens stand for the spaces that they begin and end with.

import type { TemplateItem } from "./encoding.ts";
import { booleanOf, countOf, idOf, listOf, partOf, textOf } from "./fields.ts";

type Fields = Record<string, unknown>;

/** How texts are framed. */
export interface Framing {
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
  /**
   * One entry each time that spaces at the ends of tokens lose their places, and
   * whether the first one of a text is kept, as one that was put in.
   */
  readonly trims: readonly boolean[];
}

const PLAIN: Framing = {
  single: [{ text: 0, type: 0 }],
  pair: [{ text: 0, type: 0 }, { text: 1, type: 1 }],
  trims: [],
};

/**
 * Reads how a `tokenizer.json` frames texts.
 *
 * @param key Where the description stands, for errors.
 * @throws {SyntaxError} If there is no such post-processor, or a field is of
 * another kind than it should.
 */
export function readFraming(config: unknown, key = "post_processor"): Framing {
  if (config === undefined || config === null) return PLAIN;
  const fields = partOf(config, key);
  switch (fields.type) {
    case "Sequence":
      return sequence(fields, key);
    case "ByteLevel":
      return { ...PLAIN, trims: trimsOf(fields, key) };
    case "BertProcessing": {
      const cls = tokenOf(fields, "cls", key);
      const sep = tokenOf(fields, "sep", key);
      const first = framed([cls], 0, [sep], 0);
      return {
        single: first,
        pair: [...first, { text: 1, type: 1 }, { id: sep, type: 1 }],
        trims: [],
      };
    }
    case "RobertaProcessing": {
      const cls = tokenOf(fields, "cls", key);
      const sep = tokenOf(fields, "sep", key);
      const first = framed([cls], 0, [sep], 0);
      return {
        single: first,
        pair: [...first, ...framed([sep], 1, [sep], 0)],
        trims: trimsOf(fields, key),
      };
    }
    case "TemplateProcessing":
      return {
        single: template(fields, "single", key),
        pair: template(fields, "pair", key),
        trims: [],
      };
    default:
      throw new SyntaxError(
        `${key} is of type ${JSON.stringify(fields.type)}: ` +
          "there is no such post-processor",
      );
  }
}

function framed(
  before: readonly number[],
  text: 0 | 1,
  after: readonly number[],
  type: number,
): TemplateItem[] {
  return [
    ...before.map((id) => ({ id, type })),
    { text, type },
    ...after.map((id) => ({ id, type })),
  ];
}

function sequence(fields: Fields, key: string): Framing {
  let result = PLAIN;
  for (const [i, item] of listOf(fields, "processors", key).entries()) {
    const path = `${key}.processors[${i}]`;
    const next = readFraming(partOf(item, path), path);
    const trims = [...result.trims, ...next.trims];
    const frames = partOf(item, path).type !== "ByteLevel";
    if (
      frames && (result.single !== PLAIN.single || next.single === PLAIN.single)
    ) {
      throw new SyntaxError(`${path} frames texts that are framed already`);
    }
    result = frames ? { ...next, trims } : { ...result, trims };
  }
  return result;
}

function trimsOf(fields: Fields, key: string): boolean[] {
  if (!booleanOf(fields, "trim_offsets", key, true)) return [];
  return [booleanOf(fields, "add_prefix_space", key, true)];
}

/** The id of a token that stands with it: `["</s>", 2]`. */
function tokenOf(fields: Fields, name: string, key: string): number {
  return idOf(listOf(fields, name, key)[1], `${key}.${name}[1]`);
}

function template(fields: Fields, name: string, key: string): TemplateItem[] {
  const path = `${key}.${name}`;
  const tokens = partOf(fields.special_tokens ?? {}, `${key}.special_tokens`);
  const items = listOf(fields, name, key).flatMap((item, i): TemplateItem[] => {
    const place = `${path}[${i}]`;
    const { Sequence: text, SpecialToken: token } = partOf(item, place);
    if (text !== undefined) {
      const part = partOf(text, `${place}.Sequence`);
      const id = textOf(part, "id", `${place}.Sequence`);
      const type = countOf(part, "type_id", `${place}.Sequence`, 0);
      if (id === "A" || id === "B") {
        // As in the original, the template's types are those of the first row.
        const place = id === "A" ? 0 : 1;
        return [{ text: place, type, restType: place }];
      }
      throw new SyntaxError(
        `${place}.Sequence.id is ${JSON.stringify(id)}, expected A or B`,
      );
    }
    const part = partOf(token, `${place}.SpecialToken`);
    const id = textOf(part, "id", `${place}.SpecialToken`);
    const type = countOf(part, "type_id", `${place}.SpecialToken`, 0);
    const about = `${key}.special_tokens[${JSON.stringify(id)}]`;
    return listOf(partOf(tokens[id], about), "ids", about)
      .map((one, j) => ({ id: idOf(one, `${about}.ids[${j}]`), type }));
  });
  if (
    name === "single" && items.some((item) => "text" in item && item.text === 1)
  ) {
    throw new SyntaxError(`${path} asks for a second text`);
  }
  return items;
}
