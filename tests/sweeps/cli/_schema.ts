// Copyright 2026 the swagpu authors. MIT license.

// The part of JSON Schema that the fixtures use, after its draft of 2020-12.

/** A value of JSON. */
export type Json =
  | null
  | boolean
  | number
  | string
  | Json[]
  | { [name: string]: Json };

type Fields = { [name: string]: Json };

/** The keywords that are checked; another one in a schema is an error. */
const KEYWORDS: Readonly<Record<string, Check>> = {
  $schema: () => [],
  $defs: () => [],
  description: () => [],
  $ref: (value, name, { path, root }) => {
    let schema: Json = root;
    for (const part of String(name).replace(/^#\//, "").split("/")) {
      schema = (schema as Fields)[part] ?? null;
    }
    return check(value, schema, { path, root });
  },
  type: (value, types, { path }) => {
    const list = Array.isArray(types) ? types : [types];
    return list.some((type) => typesOf(value).includes(String(type)))
      ? []
      : [`${path} is ${JSON.stringify(value)}, expected ${list.join(" or ")}`];
  },
  const: (value, one, place) => KEYWORDS.enum?.(value, [one], place) ?? [],
  enum: (value, values, { path }) => {
    const texts = (values as Json[]).map((one) => JSON.stringify(one));
    const text = JSON.stringify(value);
    return texts.includes(text)
      ? []
      : [`${path} is ${text}, expected ${texts.join(" or ")}`];
  },
  pattern: (value, pattern, { path }) =>
    typeof value !== "string" || new RegExp(String(pattern), "u").test(value)
      ? []
      : [`${path} is "${value}", expected ${pattern}`],
  minimum: (value, least, { path }) =>
    typeof value !== "number" || value >= Number(least)
      ? []
      : [`${path} is ${value}, expected at least ${least}`],
  maximum: (value, most, { path }) =>
    typeof value !== "number" || value <= Number(most)
      ? []
      : [`${path} is ${value}, expected at most ${most}`],
  minItems: (value, least, { path }) =>
    !Array.isArray(value) || value.length >= Number(least)
      ? []
      : [`${path} has ${value.length} items, expected at least ${least}`],
  maxItems: (value, most, { path }) =>
    !Array.isArray(value) || value.length <= Number(most)
      ? []
      : [`${path} has ${value.length} items, expected at most ${most}`],
  items: (value, schema, { path, root }) =>
    !Array.isArray(value)
      ? []
      : value.flatMap((item, i) =>
        check(item, schema, { path: `${path}[${i}]`, root })
      ),
  required: (value, names, { path }) =>
    !isFields(value) ? [] : (names as string[])
      .filter((name) => !Object.hasOwn(value, name))
      .map((name) => `${path} lacks ${name}`),
  properties: (value, properties, { path, root }) =>
    !isFields(value)
      ? []
      : Object.entries(properties as Fields).flatMap(([name, schema]) =>
        Object.hasOwn(value, name)
          ? check(value[name] ?? null, schema, {
            path: `${path}.${name}`,
            root,
          })
          : []
      ),
  additionalProperties: (value, schema, { path, root, properties }) =>
    !isFields(value) ? [] : Object.entries(value)
      .filter(([name]) => !Object.hasOwn(properties, name))
      .flatMap(([name, own]) =>
        schema === false
          ? [`${path} has ${name}, which is not known`]
          : check(own, schema, { path: `${path}.${name}`, root })
      ),
  oneOf: (value, schemas, { path, root }) => {
    const found = (schemas as Json[]).map((schema) =>
      check(value, schema, { path, root })
    );
    const fitting = found.filter((own) => own.length === 0).length;
    if (fitting === 1) return [];
    return [
      `${path} fits ${fitting === 0 ? "none" : "several"} of the choices: ` +
      found.flat().join("; "),
    ];
  },
};

/** Where a value stands. */
interface Place {
  readonly path: string;
  readonly root: Json;
}

type Check = (
  value: Json,
  keyword: Json,
  place: Place & { readonly properties: Fields },
) => string[];

/** What a value does not keep of a schema, in words; nothing if it fits. */
export function violations(value: Json, schema: Json): string[] {
  return check(value, schema, { path: "job", root: schema });
}

function check(value: Json, schema: Json, { path, root }: Place): string[] {
  if (!isFields(schema)) throw new TypeError(`No schema for ${path}`);
  const properties = (schema.properties ?? {}) as Fields;
  return Object.entries(schema).flatMap(([keyword, own]) => {
    const checks = KEYWORDS[keyword];
    if (!checks) throw new TypeError(`Unknown keyword ${keyword} at ${path}`);
    return checks(value, own, { path, root, properties });
  });
}

function isFields(value: Json): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typesOf(value: Json): string[] {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  if (typeof value === "number") {
    return Number.isInteger(value) ? ["integer", "number"] : ["number"];
  }
  return [typeof value];
}
