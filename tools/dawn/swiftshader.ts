// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Finds SwiftShader, Google's Vulkan on the CPU, which comes with Chromium together
 * with a Vulkan loader. It is needed because Dawn refuses the Mesa of Debian 12.
 *
 * @module
 */

const LOADER = "libvulkan.so.1";
const DRIVER = "libvk_swiftshader.so";
const MANIFEST = "vk_swiftshader_icd.json";
const PARTS = [LOADER, DRIVER, MANIFEST];
const PACKAGE = "chromium-common";

const INSTALLED = [
  "/usr/lib/chromium",
  "/opt/google/chrome",
  "/opt/google/chrome-beta",
];

const REMEDY = "install Chromium or Chrome, or set SWIFTSHADER to a folder " +
  `with ${PARTS.join(", ")} (any Chromium's own has them)`;

async function isComplete(folder: string): Promise<boolean> {
  const found = await Promise.all(
    PARTS.map((name) => Deno.stat(`${folder}/${name}`).catch(() => null)),
  );
  return found.every((info) => info?.isFile);
}

/**
 * The folder for downloaded files.
 *
 * @throws {Error} If the environment names neither a cache nor a home folder.
 */
function cacheFolder(): string {
  const home = Deno.env.get("HOME");
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
  if (!cache) {
    throw new Error("Cannot keep SwiftShader: neither HOME nor XDG_CACHE_HOME");
  }
  return `${cache}/swagpu/swiftshader`;
}

async function execute(
  command: string,
  args: string[],
  cwd: string,
): Promise<string | null> {
  try {
    const { success, stderr } = await new Deno.Command(command, {
      args,
      cwd,
      stdin: "null",
    }).output();
    return success ? null : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return `${command} is not on this system`;
  }
}

/**
 * Downloads Debian's package and unpacks the three files into a folder, without
 * installing it.
 */
async function download(folder: string): Promise<void> {
  const work = await Deno.makeTempDir({ prefix: "swagpu-swiftshader-" });
  try {
    console.error(`Downloading SwiftShader (Debian's ${PACKAGE}, 32 MB)`);
    const get = () => execute("apt-get", ["download", PACKAGE], work);
    let problem = await get();
    if (problem !== null && Deno.uid() === 0) {
      // A new machine has no package lists, or old ones.
      problem = await execute("apt-get", ["update"], work) ?? await get();
    }
    if (problem !== null) {
      throw new Error(`Cannot download SwiftShader: ${problem}; ${REMEDY}`);
    }
    const archive = (await Array.fromAsync(Deno.readDir(work)))
      .find(({ name }) => name.endsWith(".deb"))?.name ?? "";
    const unpacking = await execute("dpkg", ["-x", archive, "."], work);
    if (unpacking !== null) {
      throw new Error(`Cannot unpack ${archive}: ${unpacking}; ${REMEDY}`);
    }
    await Deno.mkdir(folder, { recursive: true });
    for (const name of PARTS) {
      await Deno.copyFile(
        `${work}/usr/lib/chromium/${name}`,
        `${folder}/${name}`,
      );
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/**
 * Finds the folder with SwiftShader and its loader: `SWIFTSHADER` names it, or it
 * belongs to an installed browser, or a package is downloaded once.
 *
 * @throws {Error} If SwiftShader is not found and cannot be downloaded.
 */
export async function findSwiftShader(): Promise<string> {
  const wished = Deno.env.get("SWIFTSHADER");
  if (wished) {
    if (await isComplete(wished)) return wished;
    throw new Error(`Cannot use SWIFTSHADER=${wished}: ${REMEDY}`);
  }
  const cache = cacheFolder();
  for (const folder of [...INSTALLED, cache]) {
    if (await isComplete(folder)) return folder;
  }
  await download(cache);
  return cache;
}

/** The environment in which a process finds SwiftShader as its only Vulkan. */
export function swiftShaderEnvironment(folder: string): Record<string, string> {
  return {
    LD_LIBRARY_PATH: folder,
    VK_DRIVER_FILES: `${folder}/${MANIFEST}`,
    VK_ICD_FILENAMES: `${folder}/${MANIFEST}`, // the name in older loaders
    DENO_WEBGPU_BACKEND: "vulkan", // not OpenGL, where Deno's own WebGPU is used
    // Graphics libraries print an error if it is not set.
    XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? folder,
  };
}
