// Copyright 2026 the swagpu authors. MIT license.

/**
 * Groups test files that can share a process. To start one takes over a second, most
 * of it to load the library and to open the GPU, and each compiles its own shaders: of
 * small files that is most of their time.
 *
 * @module
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { SEPARATOR } from "./origin.ts";

/** Files that run in one process. */
export interface TestGroup {
  /** The files. */
  readonly paths: readonly string[];
  /** The file of tests that imports them; the file itself, if it is alone. */
  readonly file: string;
}

/** The most files of a group, so that processes take about the same time. */
const MOST = 8;

/**
 * What a file does that others would notice: it opens devices, changes what all
 * modules share, or starts processes, which takes long.
 */
const NEEDS_ITS_OWN = new RegExp(
  [
    ...["openDevice", "setCurrentDevice", "\\.destroy\\(", "\\.lost\\b"],
    ...["Deno\\.env", "Deno\\.Command", "Deno\\.serve", "globalThis"],
    ...["navigator", "FakeTime", "\\bcli\\(", "\\bcommand\\("],
    ...["registerArchitecture", "lowered\\("],
  ].join("|"),
);

/** Whether a file of tests must have a process to itself. */
export function needsItsOwn(text: string): boolean {
  return NEEDS_ITS_OWN.test(text);
}

/**
 * Groups files of one folder, and writes for each group a file that imports them.
 *
 * @param paths The files of tests.
 * @param alone Those among them that run alone.
 * @param folder An empty folder for the files.
 */
export async function writeGroups(
  paths: readonly string[],
  alone: ReadonlySet<string>,
  folder: string,
): Promise<TestGroup[]> {
  const byFolder = new Map<string, string[]>();
  const groups: TestGroup[] = [];
  for (const path of paths) {
    if (alone.has(path)) groups.push({ paths: [path], file: path });
    else {
      const place = path.slice(0, path.lastIndexOf("/") + 1);
      byFolder.set(place, [...byFolder.get(place) ?? [], path]);
    }
  }
  for (const files of byFolder.values()) {
    const count = Math.ceil(files.length / MOST);
    for (let i = 0; i < count; i++) {
      // Neighbors in the alphabet are often alike, and slow ones come together.
      const own = files.filter((_, k) => k % count === i);
      const [only] = own;
      if (own.length === 1 && only !== undefined) {
        groups.push({ paths: own, file: only });
        continue;
      }
      const file = `${folder}/group_${groups.length}_test.ts`;
      await Deno.writeTextFile(file, programOf(own));
      groups.push({ paths: own, file });
    }
  }
  return groups;
}

function programOf(paths: readonly string[]): string {
  const origin = JSON.stringify(new URL("origin.ts", import.meta.url).href);
  return [
    `import { testsOf } from ${origin};\n\n`,
    ...paths.map((path) => {
      const url = JSON.stringify(pathToFileURL(resolve(path)).href);
      return `await testsOf(${JSON.stringify(path)}, () => import(${url}));\n`;
    }),
  ].join("");
}

/**
 * The seconds of each file of a group, by the JUnit report of its process. What the
 * process took besides is shared out in equal parts.
 *
 * @param xml The report.
 * @param paths The files.
 * @param seconds What the process took.
 */
export function secondsByFile(
  xml: string,
  paths: readonly string[],
  seconds: number,
): Map<string, number> {
  const own = new Map(paths.map((path) => [path, 0]));
  let known = 0;
  for (
    const [, name = "", time = "0"] of xml.matchAll(
      /<testcase name="([^"]*)"[^>]*? time="([\d.]+)"/g,
    )
  ) {
    const path = name.split(SEPARATOR.replace(">", "&gt;"))[0] ?? "";
    const before = own.get(path);
    if (before === undefined) continue;
    own.set(path, before + Number(time));
    known += Number(time);
  }
  const rest = Math.max(0, seconds - known) / paths.length;
  return new Map([...own].map(([path, time]) => [path, time + rest]));
}
