// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs the examples of the documentation as tests. `deno test --doc` makes each example
 * a separate program, which loads the library and opens the GPU: most of its time.
 * Here the examples of several files are modules of one program.
 *
 * @module
 */

/** An example. */
export interface Example {
  /** The file and the line where it begins. */
  readonly name: string;
  /** Its code. */
  readonly code: string;
}

const COMMENT = /\/\*\*[\s\S]*?\*\//g;
const FENCED =
  /^ {0,3}(```|~~~)(?:ts|typescript|js|javascript)\b([^\n]*)\n([\s\S]*?)^ {0,3}\1/gm;

/** The examples of a file: fenced blocks of Markdown, or of comments in code. */
export function examplesIn(path: string, text: string): Example[] {
  const parts = path.endsWith(".md")
    ? [{ text, line: 1 }]
    : [...text.matchAll(COMMENT)].map(({ 0: comment, index }) => ({
      text: comment.replace(/^[ \t]*(?:\/\*\*|\* ?|\*\/)/gm, ""),
      line: lineAt(text, index),
    }));
  return parts.flatMap(({ text, line }) =>
    [...text.matchAll(FENCED)]
      .filter(([, , info = ""]) => !/\bignore\b/.test(info))
      .map(({ 3: code = "", index }): Example => ({
        name: `${path}:${line + lineAt(text, index) - 1}`,
        code,
      }))
  );
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/**
 * Writes the examples of some files as modules, and a file that tests them.
 *
 * @param paths The files.
 * @param folder An empty folder.
 * @returns The file of tests.
 */
export async function writeExamples(
  paths: readonly string[],
  folder: string,
): Promise<string> {
  const tests: string[] = [];
  for (const path of paths) {
    for (
      const { name, code } of examplesIn(path, await Deno.readTextFile(path))
    ) {
      const module = `./example_${tests.length}.ts`;
      await Deno.writeTextFile(`${folder}/${module}`, `${code}\nexport {};\n`);
      tests.push(
        `Deno.test(${JSON.stringify(name)}, async () => {\n` +
          `  await import(${JSON.stringify(module)});\n});\n`,
      );
    }
  }
  const file = `${folder}/examples_test.ts`;
  await Deno.writeTextFile(file, tests.join(""));
  return file;
}
