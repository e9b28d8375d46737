// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The post-processors of `tokenizer.json`: how special tokens frame one or two
// texts, and whether the offsets of tokens include the spaces at their ends.

import type { TemplateItem } from "./encoding.ts";
import { booleanOf, countOf, idOf, listOf, partOf, textOf } from "./fields.ts";

type Fields = Record<string, unknown>;

/** How texts are framed. */
export interface Framing {
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
  /**
   * One entry for each time that the spaces at the ends of tokens are removed
   * from the offsets. It is true if the first space of a text is kept, because
   * it was inserted.
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
 * @param key The path of the description in the file, for errors.
 * @throws {SyntaxError} If there is no post-processor of that type, or a field
 * has the wrong type.
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

/** A text between special tokens, all of the same type. */
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

/** Reads the id of a token that is given with its id: `["</s>", 2]`. */
function tokenOf(fields: Fields, name: string, key: string): number {
  return idOf(listOf(fields, name, key)[1], `${key}.${name}[1]`);
}

function template(fields: Fields, name: string, key: string): TemplateItem[] {
  const path = `${key}.${name}`;
  const tokens = partOf(fields.special_tokens ?? {}, `${key}.special_tokens`);
  const items = listOf(fields, name, key).flatMap((item, i): TemplateItem[] => {
    const itemPath = `${path}[${i}]`;
    const { Sequence: text, SpecialToken: token } = partOf(item, itemPath);
    if (text !== undefined) {
      const part = partOf(text, `${itemPath}.Sequence`);
      const id = textOf(part, "id", `${itemPath}.Sequence`);
      const type = countOf(part, "type_id", `${itemPath}.Sequence`, 0);
      if (id === "A" || id === "B") {
        // As in the original, the template's types apply to the first row only.
        const index = id === "A" ? 0 : 1;
        return [{ text: index, type, restType: index }];
      }
      throw new SyntaxError(
        `${itemPath}.Sequence.id is ${JSON.stringify(id)}, expected A or B`,
      );
    }
    const part = partOf(token, `${itemPath}.SpecialToken`);
    const id = textOf(part, "id", `${itemPath}.SpecialToken`);
    const type = countOf(part, "type_id", `${itemPath}.SpecialToken`, 0);
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
