// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Finds Chromium, or installs Debian's package.
 *
 * @module
 */

import { isDebianLike } from "../setup.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const ELSEWHERE = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

const COMMANDS = [
  ["apt-get", "update"],
  ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
];

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

/** Finds the browser of this system; `null` if there is none. */
async function find(): Promise<string | null> {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const candidates = NAMES
    .flatMap((name) => folders.map((folder) => `${folder}/${name}`));
  for (const path of [...candidates, ...ELSEWHERE]) {
    if (await isThere(path)) return path;
  }
  return null;
}

async function install(): Promise<void> {
  console.error("No Chromium found. Installing Debian's with apt-get.");
  for (const [command = "", ...args] of COMMANDS) {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
    }).output();
    if (success) continue;
    const text = [stdout, stderr].map((b) => new TextDecoder().decode(b));
    throw new Error(`${text.join("").trim()}\nCannot install Chromium`);
  }
}

/**
 * Whether Debian's package may be installed: the system is like Debian, and the user is
 * root.
 */
export function mayInstall(osRelease: string, uid: number | null): boolean {
  return isDebianLike(osRelease) && uid === 0;
}

/** What to do where there is no browser. */
export function adviceWithout(): string {
  const command = COMMANDS.map((words) => `sudo ${words.join(" ")}`);
  return "Cannot find Chromium: install it, or set CHROMIUM to a Chrome or " +
    `Chromium; on Debian:\n\n  ${command.join(" && ")}\n`;
}

/**
 * Finds the browser: the one that `CHROMIUM` names, or the system's. If there is
 * none and the user is root, Debian's package is installed.
 *
 * @throws {Error} If there is no browser and none can be installed.
 */
export async function findChromium(): Promise<string> {
  const wished = Deno.env.get("CHROMIUM");
  if (wished) {
    if (await isThere(wished)) return wished;
    throw new Error(`Cannot use CHROMIUM=${wished}: there is no such file`);
  }
  const found = await find();
  if (found !== null) return found;
  const release = await Deno.readTextFile("/etc/os-release").catch(() => "");
  if (mayInstall(release, Deno.uid())) {
    await install();
    const installed = await find();
    if (installed !== null) return installed;
  }
  throw new Error(adviceWithout());
}
