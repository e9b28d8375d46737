// Copyright 2026 the swagpu authors. MIT license.

/**
 * Says of each test which file it is from, where several files share a program.
 *
 * @module
 */

/** Separates the path of a file from the name of a test. */
export const SEPARATOR = " > ";

/**
 * Imports a file of tests. The names of its tests begin with its path.
 *
 * @param path The path, as readers know it.
 * @param load Imports the file.
 */
export async function testsOf(
  path: string,
  load: () => Promise<unknown>,
): Promise<void> {
  const { test } = Deno;
  const named = (name: string) => `${path}${SEPARATOR}${name}`;
  const noting = new Proxy(test, {
    apply(target, self, [first, ...rest]: unknown[]) {
      if (typeof first === "string") {
        return Reflect.apply(target, self, [named(first), ...rest]);
      }
      if (typeof first === "function") {
        return Reflect.apply(target, self, [named(first.name), first, ...rest]);
      }
      const options = { ...first as Deno.TestDefinition };
      options.name = named(options.name);
      return Reflect.apply(target, self, [options, ...rest]);
    },
  });
  // Its type says that the field is read-only, but it is not.
  Object.assign(Deno, { test: noting });
  try {
    await load();
  } finally {
    Object.assign(Deno, { test });
  }
}
