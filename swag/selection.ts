// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The parameters that the entries of a `modulePrefixList` select, here and in the
 * Python library swag_transformers, which takes its entries as mere beginnings of
 * names: there `layer.1` selects `layer.11` too.
 *
 * @module
 */

import { hasPrefix, matchesPath, type Module, topNames } from "../nn/mod.ts";

/** The entry that selects the last layer. No name of a parameter has a hyphen. */
const LAST_LAYER = "last-layer";

/**
 * Finds the names of the parameters that entries select.
 *
 * @throws {RangeError} If the list is empty, an entry selects nothing, or it
 * selects only other names of parameters that are tied elsewhere.
 */
export function selectNames(
  model: Module,
  entries: readonly string[] | undefined,
): Set<string> {
  const names = [...model.namedParameters().keys()];
  if (!entries) return new Set(names);
  if (entries.length === 0) {
    throw new RangeError(
      "Cannot select parameters with an empty modulePrefixList: " +
        "leave it out to select all",
    );
  }
  const selected = new Set<string>();
  for (const entry of entries) {
    const isMatch = matcherOf(model, entry);
    const matches = names.filter(isMatch);
    if (matches.length === 0) refuse(model, entry, { names, isMatch });
    for (const name of matches) selected.add(name);
  }
  return selected;
}

/** Whether an entry is no prefix, and so means nothing in Python. */
export function isPattern(entry: string): boolean {
  return entry.includes("*") || entry === LAST_LAYER;
}

/** The function that tells which names an entry selects. */
function matcherOf(model: Module, entry: string): (name: string) => boolean {
  if (entry !== LAST_LAYER) return (name) => matchesPath(name, entry);
  const path = lastLayer(model);
  return (name) => pathOf(name) === path;
}

/** The path of the module that a parameter is in. */
function pathOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(".")));
}

/**
 * The path of the last module with parameters that are its own attributes, or other
 * names of tied ones.
 */
function lastLayer(model: Module): string {
  const modules = [...model.namedModules().keys()];
  const names = [...model.namedParameters().keys()];
  // The last parameter of all may be an attribute of a module that comes earlier,
  // and then comes after those inside it.
  const aliases = [...model.tiedNames().keys()];
  const places = [...names.slice(-1), ...aliases].map((name) =>
    modules.indexOf(pathOf(name))
  );
  return modules[Math.max(...places)] ?? "";
}

/** Throws an error that says why an entry selects nothing. */
function refuse(
  model: Module,
  entry: string,
  { names, isMatch }: {
    names: readonly string[];
    isMatch: (name: string) => boolean;
  },
): never {
  const owners = [...model.tiedNames()]
    .filter(([alias]) => isMatch(alias))
    .map(([, owner]) => `"${owner}"`);
  if (owners.length > 0) {
    throw new RangeError(
      `Cannot select "${entry}": its parameters are tied to ${
        [...new Set(owners)].join(", ")
      }, select them by that name`,
    );
  }
  throw new RangeError(
    `Cannot select "${entry}": no parameter ${
      entry.includes("*") ? "matches it" : "has that prefix"
    }; there are ${topNames(names)}`,
  );
}

/**
 * Gives entries that select in Python what a posterior's entries select here: the
 * same ones where they do, else the names of all random parameters.
 *
 * @throws {TypeError} If Python would select more even then, because one name begins
 * with another one.
 */
export function toPython(
  model: Module,
  entries: readonly string[] | undefined,
): readonly string[] | undefined {
  if (!entries) return undefined;
  const selected = selectNames(model, entries);
  const isSame = (list: readonly string[]) => {
    const found = startingWith(model, list);
    return found.size === selected.size &&
      [...found].every((name) => selected.has(name));
  };
  if (!entries.some(isPattern) && isSame(entries)) return entries;
  const names = [...selected];
  if (isSame(names)) return names;
  const other = [...startingWith(model, names)].find((x) => !selected.has(x));
  throw new TypeError(
    `Cannot say in module_prefix_list which parameters are random: "${other}" is ` +
      "not, but begins with the name of one that is, which selects it in Python",
  );
}

/** Gives entries that select here what a list selects in Python. */
export function fromPython(
  model: Module,
  entries: readonly string[],
): readonly string[] {
  const selected = startingWith(model, entries);
  const names = model.namedParameters().keys();
  const here = [...names].filter((name) =>
    entries.some((entry) => hasPrefix(name, entry))
  );
  const isPlain = entries.every((entry) =>
    !entry.includes("*") && here.some((name) => hasPrefix(name, entry))
  );
  return isPlain && here.length === selected.size ? entries : [...selected];
}

/** The names of parameters that begin with an entry. */
function startingWith(
  model: Module,
  entries: readonly string[],
): Set<string> {
  const names = [...model.namedParameters().keys()];
  return new Set(
    names.filter((name) => entries.some((entry) => name.startsWith(entry))),
  );
}
