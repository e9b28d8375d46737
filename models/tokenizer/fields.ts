// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reads the fields of the parts of a `tokenizer.json` and checks their types.
// Errors name the part by its path, as in `decoder.decoders[1]`; the code that
// reads the file puts the file's name in front.

import { isObject } from "../files/json.ts";

type Fields = Record<string, unknown>;

/** Describes a value for an error. */
function described(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value);
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}

function refuse(path: string, value: unknown, expected: string): never {
  throw new SyntaxError(`${path} is ${described(value)}, expected ${expected}`);
}

/** Reads a part that must be an object. */
export function partOf(value: unknown, path: string): Fields {
  return isObject(value) ? value : refuse(path, value, "an object");
}

/** Reads a field that must be a list. */
export function listOf(fields: Fields, key: string, path: string): unknown[] {
  const value = fields[key];
  return Array.isArray(value)
    ? value
    : refuse(`${path}.${key}`, value, "a list");
}

/** Reads a field that must be a text; `otherwise` is its default. */
export function textOf(
  fields: Fields,
  key: string,
  path: string,
  otherwise?: string,
): string {
  const value = fields[key] ?? otherwise;
  return typeof value === "string"
    ? value
    : refuse(`${path}.${key}`, value, "a text");
}

/** Reads a field that must be a text or absent. */
export function optionalTextOf(
  fields: Fields,
  key: string,
  path: string,
): string | null {
  return (fields[key] ?? null) === null ? null : textOf(fields, key, path);
}

/** Reads a field that must be true or false; `otherwise` is its default. */
export function booleanOf(
  fields: Fields,
  key: string,
  path: string,
  otherwise: boolean,
): boolean {
  const value = fields[key] ?? otherwise;
  return typeof value === "boolean"
    ? value
    : refuse(`${path}.${key}`, value, "true or false");
}

/**
 * Reads where Metaspace adds a mark: `"always"`, `"never"` or another scheme.
 * Files from before 2024 have a boolean instead.
 */
export function prependScheme(fields: Fields, path: string): string {
  const older = booleanOf(fields, "add_prefix_space", path, true);
  return textOf(fields, "prepend_scheme", path, older ? "always" : "never");
}

/** Reads a field that must be a whole number from `least`. */
export function countOf(
  fields: Fields,
  key: string,
  path: string,
  otherwise?: number,
  least = 0,
): number {
  const value = fields[key] ?? otherwise;
  return typeof value === "number" && Number.isSafeInteger(value) &&
      value >= least
    ? value
    : refuse(`${path}.${key}`, value, `a whole number from ${least}`);
}

/**
 * The greatest id that a token may have, about 16 million. No model has so many
 * embeddings, and lists that are indexed by ids must fit into memory.
 */
export const GREATEST_ID = 2 ** 24 - 1;

function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) &&
    value >= 0 && value <= GREATEST_ID;
}

/** Reads a value that must be the id of a token. */
export function idOf(value: unknown, path: string): number {
  return isId(value)
    ? value
    : refuse(path, value, `a whole number from 0 to ${GREATEST_ID}`);
}

/** Reads the id of a vocabulary's token. */
export function tokenId(value: unknown, token: string): number {
  if (isId(value)) return value;
  throw new SyntaxError(
    `${JSON.stringify(token)} has the id ${
      JSON.stringify(value)
    }, expected a ` +
      `whole number from 0 to ${GREATEST_ID}`,
  );
}
