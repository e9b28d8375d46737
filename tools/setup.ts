// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Makes sure that WebGPU has a good adapter, then runs Deno with the arguments
 * given: `deno run -A tools/setup.ts run -A examples/quickstart.ts`.
 *
 * If there is no adapter, or only OpenGL, this script installs Mesa's software Vulkan
 * on Debian and Ubuntu if the user is root, and otherwise prints what to do. OpenGL
 * works, but compiles some kernels a hundred times more slowly, so it is used only if
 * Vulkan is not available. `REQUIRE_GPU=1` requires hardware. All messages go to
 * standard error.
 *
 * @module
 */

import {
  type Backend,
  backendHint,
  backendOf,
  describeAdapter,
} from "../engine/mod.ts";

/** The adapter that a process finds. */
export interface Found {
  /** The name that the adapter gives itself. */
  name: string;
  /** Whether it runs on the CPU. */
  isSoftware: boolean;
  /** The interface that it uses, if that is known. */
  backend: Backend | undefined;
}

/** The facts on which the decision depends. */
export interface System {
  /** The operating system, as `Deno.build.os` names it. */
  os: string;
  /** The text of `/etc/os-release`; empty if there is no such file. */
  osRelease: string;
  /** The user id; `null` on systems without user ids. */
  uid: number | null;
  /** The adapter that is available already; `null` if there is none. */
  found: Found | null;
  /** The value of `DENO_WEBGPU_BACKEND`; empty if it is not set. */
  pinned: string;
  /** Whether Mesa's Vulkan drivers are installed already. */
  hasDriver: boolean;
}

/**
 * What to do: use the available adapter, perhaps after one line of advice; run commands
 * that install one; or give up with a message.
 */
export type Plan =
  | { kind: "use"; advice: string | undefined }
  | { kind: "install"; message: string; commands: string[][] }
  | { kind: "refuse"; message: string };

const PACKAGES = ["mesa-vulkan-drivers", "libvulkan1"];
const COMMANDS = [
  ["apt-get", "update"],
  ["apt-get", "install", "-y", "--no-install-recommends", ...PACKAGES],
];
/** The variable that limits Deno's WebGPU to one interface. */
const PIN = "DENO_WEBGPU_BACKEND";
/** The argument with which this script only prints the adapter, as JSON. */
const PROBE = "--print-adapter";
const NO_ADAPTER = "Cannot find a WebGPU adapter";

/** The command that installs software Vulkan for a user who is not root. */
export const SUDO_COMMAND: string = COMMANDS
  .map((command) => `sudo ${command.join(" ")}`).join(" && ");

/** Whether an os-release text describes Debian or a system derived from it. */
export function isDebianLike(osRelease: string): boolean {
  const ids = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)]
    .flatMap(([, value = ""]) => value.trim().replace(/["']/g, "").split(/\s+/))
    .map((id) => id.toLowerCase());
  return ids.includes("debian") || ids.includes("ubuntu");
}

/**
 * Decides what to do. An adapter that is not OpenGL is used. OpenGL is used if the user
 * asked for it, or if nothing can be installed.
 */
export function planFor(system: System): Plan {
  const { os, osRelease, uid, found, pinned, hasDriver } = system;
  if (found && (found.backend !== "gl" || pinned !== "")) {
    return { kind: "use", advice: backendHint(found.backend) };
  }
  const isDebian = os === "linux" && isDebianLike(osRelease);
  if (isDebian && uid === 0 && !hasDriver && pinned === "") {
    return {
      kind: "install",
      message:
        `${found ? "Only OpenGL was found" : "No WebGPU adapter found"}` +
        `. Installing Mesa's software Vulkan driver (${PACKAGES.join(" ")}) ` +
        "with apt-get, so that shaders run on the CPU.",
      commands: COMMANDS,
    };
  }
  if (found) return { kind: "use", advice: backendHint(found.backend) };
  const excluded = pinned !== ""
    ? ` (DENO_WEBGPU_BACKEND=${pinned} allows no other interface)`
    : "";
  if (isDebian && hasDriver) {
    return {
      kind: "refuse",
      message: `${NO_ADAPTER}${excluded}: mesa-vulkan-drivers is installed, ` +
        "but VK_DRIVER_FILES, VK_ICD_FILENAMES or DENO_WEBGPU_BACKEND may " +
        "exclude it",
    };
  }
  if (isDebian) {
    return {
      kind: "refuse",
      message: `${NO_ADAPTER}${excluded}: install a GPU driver, or Mesa's ` +
        `software Vulkan, and run this again:\n\n  ${SUDO_COMMAND}\n`,
    };
  }
  const remedies: Record<string, string> = {
    linux: "install your distribution's Vulkan loader and a Vulkan driver " +
      "(Mesa's lavapipe runs without a GPU; Fedora: vulkan-loader and " +
      "mesa-vulkan-drivers, Arch: vulkan-icd-loader and vulkan-swrast, " +
      "Alpine: vulkan-loader and mesa-vulkan-swrast)",
    darwin: "macOS needs a machine with Metal support; virtual machines " +
      "without graphics acceleration have none",
    windows: "install the GPU vendor's driver, with Direct3D 12 or Vulkan",
  };
  const remedy = remedies[os] ?? `${os} is not a system with WebGPU in Deno`;
  return { kind: "refuse", message: `${NO_ADAPTER}${excluded}: ${remedy}` };
}

/**
 * Says why an adapter must not be used; `null` if it may be used. With `requireGpu` a
 * software adapter is refused, and so is having no adapter.
 */
export function refuseAdapter(
  found: Pick<Found, "name" | "isSoftware"> | null,
  requireGpu: boolean,
): string | null {
  if (!requireGpu) return null;
  if (found === null) return `${NO_ADAPTER}: REQUIRE_GPU=1 asks for a GPU`;
  return found.isSoftware
    ? `Cannot use ${found.name}: REQUIRE_GPU=1 asks for a GPU, and ` +
      "this adapter is software"
    : null;
}

async function readOsRelease(): Promise<string> {
  try {
    return await Deno.readTextFile("/etc/os-release");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

async function install(commands: string[][]): Promise<string | null> {
  for (const [command = "", ...args] of commands) {
    try {
      const child = new Deno.Command(command, {
        args,
        env: { DEBIAN_FRONTEND: "noninteractive" },
        stdin: "null",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      await child.stdout.pipeTo(Deno.stderr.writable, { preventClose: true });
      const { code } = await child.status;
      if (code === 0) continue;
      return `Cannot install software Vulkan: ${command} ${args.join(" ")} ` +
        `exited with ${code}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return `Cannot install software Vulkan: ${command} is not on this system`;
    }
  }
  return null;
}

/** Finds the adapter of this process. */
async function findHere(): Promise<Found | null> {
  const adapter = await navigator.gpu.requestAdapter({
    powerPreference: "high-performance",
  });
  if (!adapter) return null;
  const { description, isFallbackAdapter } = adapter.info;
  return {
    name: description,
    isSoftware: isFallbackAdapter,
    backend: backendOf(adapter),
  };
}

/**
 * Finds the adapter in a new process: a process that started without a Vulkan loader
 * does not find one that is installed later.
 */
async function findAgain(): Promise<Found | null> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename ?? "", PROBE],
    stderr: "inherit",
  }).output();
  return success ? JSON.parse(new TextDecoder().decode(stdout)) : null;
}

async function hasPackage(name: string): Promise<boolean> {
  try {
    const { stdout } = await new Deno.Command("dpkg-query", {
      args: ["--show", "--showformat=${db:Status-Status}", name],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout) === "installed";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function announce(found: Found | null, advice: string | undefined): void {
  if (found) console.error(`WebGPU adapter: ${describeAdapter(found)}`);
  if (advice !== undefined) console.error(`warning: ${advice}`);
}

/**
 * Limits the program that is run to Vulkan, if that was found. Otherwise Deno's WebGPU
 * also loads the system's OpenGL, whose EGL library frees the memory of a thread twice
 * if the thread ends while the process exits: one in a hundred test processes crashed
 * that way, after all of its tests had passed.
 */
function pinVulkan(found: Found | null): void {
  if (found?.backend !== "vulkan" || Deno.env.get(PIN)) return;
  Deno.env.set(PIN, "vulkan");
}

/** Makes sure that there is an adapter. Returns why there is none, or `null`. */
async function ensureAdapter(): Promise<string | null> {
  const requireGpu = Deno.env.get("REQUIRE_GPU") === "1";
  let found = await findHere();
  const refusal = refuseAdapter(found, requireGpu);
  if (refusal !== null) return refusal;
  const plan = planFor({
    os: Deno.build.os,
    osRelease: await readOsRelease(),
    uid: Deno.uid(),
    found,
    pinned: Deno.env.get(PIN) ?? "",
    hasDriver: await hasPackage("mesa-vulkan-drivers"),
  });
  if (plan.kind === "refuse") return plan.message;
  if (plan.kind === "use") {
    announce(found, plan.advice);
    pinVulkan(found);
    return null;
  }
  console.error(plan.message);
  const problem = await install(plan.commands);
  if (problem === null) found = await findAgain();
  if (found) {
    if (problem !== null) console.error(`warning: ${problem}`);
    announce(found, backendHint(found.backend));
    pinVulkan(found);
    return null;
  }
  return problem ?? `${NO_ADAPTER}: the software driver was installed but ` +
      "offers none, and VK_DRIVER_FILES or VK_ICD_FILENAMES may exclude it";
}

async function runDeno(args: string[]): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), { args }).spawn();
  const forward = (signal: Deno.Signal): void => {
    try {
      child.kill(signal);
    } catch (error) {
      // The child may have ended between the signal and this line.
      if (!(error instanceof TypeError)) throw error;
    }
  };
  // A terminal sends Ctrl-C to the child too, so forwarding would repeat it.
  const onInterrupt = (): void => {
    if (!Deno.stdin.isTerminal()) forward("SIGINT");
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", () => forward("SIGTERM"));
  }
  return (await child.status).code;
}

const USAGE = `Usage: deno task setup

Finds a WebGPU adapter. If there is none, or only OpenGL, it installs Mesa's
software adapter on Debian and Ubuntu if the user is root, and otherwise prints
what to do. Arguments are those of a Deno command that is run then, such as
run -A program.ts.`;

async function main(args: string[]): Promise<number> {
  // Only the first argument is an option of this script.
  if (args[0] === "--help" || args[0] === "-h") {
    console.log(USAGE);
    return 0;
  }
  if (args[0] === PROBE) {
    console.log(JSON.stringify(await findHere()));
    return 0;
  }
  if (Deno.env.get(PIN) === "") Deno.env.delete(PIN); // Else it excludes all.
  let runtimeDir: string | null = null;
  if (Deno.build.os === "linux" && !Deno.env.get("XDG_RUNTIME_DIR")) {
    // Mesa prints an error if it is not set, as on machines without a desktop.
    runtimeDir = await Deno.makeTempDir({ prefix: "swagpu-run-" });
    Deno.env.set("XDG_RUNTIME_DIR", runtimeDir);
  }
  try {
    const problem = await ensureAdapter();
    if (problem !== null) {
      console.error(`error: ${problem}`);
      return 1;
    }
    return args.length === 0 ? 0 : await runDeno(args);
  } finally {
    if (runtimeDir !== null) await Deno.remove(runtimeDir, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
