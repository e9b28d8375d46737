// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Makes sure that WebGPU has an adapter, then runs Deno with the arguments
 * given: `deno run -A tools/setup.ts run -A examples/quickstart.ts`.
 *
 * Without an adapter, Debian and Ubuntu get Mesa's software Vulkan if the user
 * is root; everybody else is told what to do. `REQUIRE_GPU=1` asks for
 * hardware. All messages go to standard error.
 *
 * @module
 */

/** What the decision depends on. */
export interface System {
  /** The operating system, as `Deno.build.os` names it. */
  os: string;
  /** The text of `/etc/os-release`, empty where there is none. */
  osRelease: string;
  /** The user id, `null` where the system has none. */
  uid: number | null;
}

/** What to do without an adapter: run commands, or give up with a message. */
export type Plan =
  | { kind: "install"; message: string; commands: string[][] }
  | { kind: "refuse"; message: string };

const PACKAGES = ["mesa-vulkan-drivers", "libvulkan1"];
const COMMANDS = [
  ["apt-get", "update"],
  ["apt-get", "install", "-y", "--no-install-recommends", ...PACKAGES],
];
const NO_ADAPTER = "Cannot find a WebGPU adapter";

/** The command that installs software Vulkan for a user who is not root. */
export const SUDO_COMMAND: string = COMMANDS
  .map((command) => `sudo ${command.join(" ")}`).join(" && ");

/** Tells whether an os-release text describes Debian or a relative of it. */
export function isDebianLike(osRelease: string): boolean {
  const ids = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)]
    .flatMap(([, value = ""]) => value.trim().replace(/["']/g, "").split(/\s+/))
    .map((id) => id.toLowerCase());
  return ids.includes("debian") || ids.includes("ubuntu");
}

/** Decides what to do on a system where no adapter was found. */
export function planFor(system: System): Plan {
  const { os, osRelease, uid } = system;
  if (os === "linux" && isDebianLike(osRelease)) {
    if (uid === 0) {
      return {
        kind: "install",
        message:
          `No WebGPU adapter found. Installing Mesa's software Vulkan driver ` +
          `(${
            PACKAGES.join(" ")
          }) with apt-get, so that shaders run on the CPU.`,
        commands: COMMANDS,
      };
    }
    return {
      kind: "refuse",
      message: `${NO_ADAPTER}: install a GPU driver, or Mesa's software ` +
        `Vulkan, and run this again:\n\n  ${SUDO_COMMAND}\n`,
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
  return { kind: "refuse", message: `${NO_ADAPTER}: ${remedy}` };
}

/**
 * Says why an adapter will not do, or `null` if it will: with `requireGpu`,
 * none at all or a software adapter is refused.
 */
export function refuseAdapter(
  info: Pick<GPUAdapterInfo, "description" | "isFallbackAdapter"> | null,
  requireGpu: boolean,
): string | null {
  if (!requireGpu) return null;
  if (info === null) return `${NO_ADAPTER}: REQUIRE_GPU=1 asks for a GPU`;
  return info.isFallbackAdapter
    ? `Cannot use ${info.description}: REQUIRE_GPU=1 asks for a GPU, and ` +
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
  // A process whose Vulkan loader was missing at start never finds it later.
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "Deno.exit(await navigator.gpu.requestAdapter() ? 0 : 1)"],
  }).output();
  return success ? null : `${NO_ADAPTER}: the software driver was installed ` +
    "but offers none, and DENO_WEBGPU_BACKEND or VK_DRIVER_FILES may exclude it";
}

async function findAdapter(): Promise<string | null> {
  const requireGpu = Deno.env.get("REQUIRE_GPU") === "1";
  const adapter = await navigator.gpu.requestAdapter();
  const refusal = refuseAdapter(adapter?.info ?? null, requireGpu);
  if (refusal !== null) return refusal;
  if (adapter !== null) {
    const { description, isFallbackAdapter } = adapter.info;
    const kind = isFallbackAdapter ? " (software)" : "";
    console.error(`WebGPU adapter: ${description || "unnamed"}${kind}`);
    return null;
  }
  const plan = planFor({
    os: Deno.build.os,
    osRelease: await readOsRelease(),
    uid: Deno.uid(),
  });
  if (plan.kind === "install") console.error(plan.message);
  return plan.kind === "install" ? await install(plan.commands) : plan.message;
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
  // A terminal sends Ctrl-C to the child too: forwarding would double it.
  const onInterrupt = (): void => {
    if (!Deno.stdin.isTerminal()) forward("SIGINT");
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", () => forward("SIGTERM"));
  }
  return (await child.status).code;
}

async function main(args: string[]): Promise<number> {
  let runtimeDir: string | null = null;
  if (Deno.build.os === "linux" && !Deno.env.get("XDG_RUNTIME_DIR")) {
    // Mesa prints an error on headless machines, where nothing sets it.
    runtimeDir = await Deno.makeTempDir({ prefix: "swagpu-run-" });
    Deno.env.set("XDG_RUNTIME_DIR", runtimeDir);
  }
  try {
    const problem = await findAdapter();
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
