// Copyright 2026 the swagpu authors. MIT license.

/** Calls a function, and returns what it printed by `console.warn`. */
export async function warningsOf(
  run: () => unknown,
): Promise<string[]> {
  const heard: string[] = [];
  const { warn } = console;
  // deno-lint-ignore no-console -- put back below
  console.warn = (text: string) => heard.push(text);
  try {
    await run();
  } finally {
    // deno-lint-ignore no-console -- as it was
    console.warn = warn;
  }
  return heard;
}
