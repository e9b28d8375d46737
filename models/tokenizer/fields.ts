// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// The fields of the parts of a `tokenizer.json`, each of the kind that it should
// be. Errors name the part by its path, as in `decoder.decoders[1]`; who reads
// the file puts its name before.

import { isObject } from "../files/json.ts";

type Fields = Record<string, unknown>;

/** What a value is, in words. */
function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value);
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}

function refuse(path: string, value: unknown, wanted: string): never {
  throw new SyntaxError(`${path} is ${kindOf(value)}, expected ${wanted}`);
}

/** A part that must be an object. */
export function partOf(value: unknown, path: string): Fields {
  return isObject(value) ? value : refuse(path, value, "an object");
}

/** A field that must be a list. */
export function listOf(fields: Fields, key: string, path: string): unknown[] {
  const value = fields[key];
  return Array.isArray(value)
    ? value
    : refuse(`${path}.${key}`, value, "a list");
}

/** A field that must be a text; `otherwise` stands for an absent one. */
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

/** A field that may be a text. */
export function optionalTextOf(
  fields: Fields,
  key: string,
  path: string,
): string | null {
  return (fields[key] ?? null) === null ? null : textOf(fields, key, path);
}

/** A field that must be true or false; `otherwise` stands for an absent one. */
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

/** A field that must be a whole number from `least`. */
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
 * The greatest id that a token may have, 16 million: no model has as many rows,
 * and what is counted by ids must fit into memory.
 */
export const GREATEST_ID = 2 ** 24 - 1;

function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) &&
    value >= 0 && value <= GREATEST_ID;
}

/** A field that must be the id of a token. */
export function idOf(value: unknown, path: string): number {
  return isId(value)
    ? value
    : refuse(path, value, `a whole number from 0 to ${GREATEST_ID}`);
}

/** The id of a token of a vocabulary. */
export function tokenId(value: unknown, token: string): number {
  if (isId(value)) return value;
  throw new SyntaxError(
    `${JSON.stringify(token)} has the id ${
      JSON.stringify(value)
    }, expected a ` +
      `whole number from 0 to ${GREATEST_ID}`,
  );
}
