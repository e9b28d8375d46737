// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The tagging schemes of entities: which tag may follow which, as seqeval's
// strict mode reads them.

/** A way to write entities as a tag a word. */
export type EntityScheme =
  | "IOB1"
  | "IOB2"
  | "IOE1"
  | "IOE2"
  | "IOBES"
  | "BILOU";

/** An entity: its type, its first and its last place. */
export type Entity = [type: string, start: number, end: number];

/** A tag: its letter and the type of the entity. */
export interface Tag {
  prefix: string;
  type: string;
}

/**
 * A pair of tags, "before after", where "*" is any letter, and "=" or "!" asks
 * for the same or for another type.
 */
type Pair = string;

interface Scheme {
  letters: string;
  /** Pairs of which the second tag starts an entity. */
  start: readonly Pair[];
  /** Pairs of which the second tag goes on with the entity. */
  inside: readonly Pair[];
  /** Pairs between which an entity ends. */
  end: readonly Pair[];
}

const SCHEMES: Readonly<Record<EntityScheme, Scheme>> = {
  IOB1: {
    letters: "IOB",
    start: ["O I", "I I!", "B I", "I B=", "B B="],
    inside: ["B I=", "I I="],
    end: ["I I!", "I O", "I B", "B O", "B I!", "B B="],
  },
  IOB2: {
    letters: "IOB",
    start: ["* B"],
    inside: ["B I=", "I I="],
    end: ["I O", "I I!", "I B", "B O", "B I!", "B B"],
  },
  IOE1: {
    letters: "IOE",
    start: ["O I", "I I!", "E I", "E E="],
    inside: ["I I=", "I E="],
    end: ["I I!", "I O", "I E!", "E I=", "E E="],
  },
  IOE2: {
    letters: "IOE",
    start: ["O I", "O E", "E I", "E E", "I I!", "I E!"],
    inside: ["I E=", "I I="],
    end: ["E *"],
  },
  IOBES: {
    letters: "IOBES",
    start: ["* B", "* S"],
    inside: ["B I=", "B E=", "I I=", "I E="],
    end: ["S *", "E *"],
  },
  BILOU: {
    letters: "BILOU",
    start: ["* B", "* U"],
    inside: ["B I=", "B L=", "I I=", "I L="],
    end: ["U *", "L *"],
  },
};

/** The names of all schemes. */
export const SCHEME_NAMES = Object.keys(SCHEMES) as EntityScheme[];

const OUTSIDE: Tag = { prefix: "O", type: "_" };

/** The entities of a sentence that are written as the scheme demands. */
export function strictEntities(
  tags: readonly Tag[],
  name: EntityScheme,
): Entity[] {
  const scheme = SCHEMES[name];
  for (const { prefix, type } of tags) {
    if (scheme.letters.includes(prefix)) continue;
    throw new RangeError(
      `Cannot find entities: tag ${prefix}-${type} is not of the scheme ${name}, whose letters are ${scheme.letters}`,
    );
  }
  const at = (i: number): Tag => tags[i] ?? OUTSIDE;
  const entities: Entity[] = [];
  for (let i = 0; i < tags.length;) {
    if (!isAny(scheme.start, at(i - 1), at(i))) {
      i++;
      continue;
    }
    let end = i + 1;
    while (end <= tags.length && isAny(scheme.inside, at(end - 1), at(end))) {
      end++;
    }
    if (isAny(scheme.end, at(end - 1), at(end))) {
      entities.push([at(i).type, i, end - 1]);
    }
    i = end;
  }
  return entities;
}

/** Whether two tags in a row are one of the pairs. */
function isAny(pairs: readonly Pair[], before: Tag, after: Tag): boolean {
  return pairs.some((pair) => {
    const [first = "", second = ""] = pair.split(" ");
    const condition = second.slice(1);
    const isSame = before.type === after.type;
    return (first === "*" || first === before.prefix) &&
      (second[0] === "*" || second[0] === after.prefix) &&
      (condition === "" || (condition === "=") === isSame);
  });
}

/**
 * The entities of tags by the rules of conlleval: an entity starts at a B or S,
 * at any tag after O, E or S, and wherever the type changes.
 */
export function looseEntities(tags: readonly Tag[]): Entity[] {
  const entities: Entity[] = [];
  let before = OUTSIDE;
  let start = 0;
  for (let i = 0; i <= tags.length; i++) {
    const tag = tags[i] ?? OUTSIDE;
    const isOther = before.type !== tag.type;
    const wasInside = before.prefix !== "O";
    const isInside = tag.prefix !== "O";
    const ends = wasInside &&
      ("ES".includes(before.prefix) || "BSO".includes(tag.prefix) || isOther);
    const starts = isInside &&
      ("BS".includes(tag.prefix) || "OES".includes(before.prefix) || isOther);
    if (ends) entities.push([before.type, start, i - 1]);
    if (starts) start = i;
    before = tag;
  }
  return entities;
}
