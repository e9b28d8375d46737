// Copyright 2026 the swagpu authors. MIT license.

/**
 * Downloads packages, which the bundler does not do.
 *
 * @module
 */

/**
 * Downloads the packages that files import, unless they are there.
 *
 * @throws {Error} If a package cannot be downloaded.
 */
export async function cachePackages(files: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", ...files],
    stdin: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}
