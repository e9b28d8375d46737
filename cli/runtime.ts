// Copyright 2026 the swagpu authors. MIT license.

/**
 * The process of a command, and the program that runs it: Deno, Node or Bun.
 *
 * @module
 */

import { writeSync } from "node:fs";
import process from "node:process";
import project from "../deno.json" with { type: "json" };
import { systemError } from "../host/inside.ts";
import { diskError } from "../host/mod.ts";

/** The program that runs the commands, and the system. */
export interface Runtime {
  /** The program and its version, such as `Deno 2.9.6` or `Node.js 22.12.0`. */
  readonly name: string;
  /** The version of its JavaScript engine V8, if it has it. */
  readonly v8: string | undefined;
  /** The version of its TypeScript compiler, if it has one. */
  readonly typescript: string | undefined;
  readonly os: string;
  readonly arch: string;
}

/** The names that compilers give to processors, by those of Node. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "x86_64",
  arm64: "aarch64",
};

/** Tells what runs the commands. */
export function runtime(): Runtime {
  const { platform, arch, versions } = process;
  const { deno, bun, node, v8, typescript } = versions as Partial<
    Record<string, string>
  >;
  return {
    name: deno ? `Deno ${deno}` : bun ? `Bun ${bun}` : `Node.js ${node}`,
    v8,
    typescript,
    os: platform === "win32" ? "windows" : platform,
    arch: ARCHITECTURES[arch] ?? arch,
  };
}

/** The command that installs the program, by the package manager of the runtime. */
export function installation(): string {
  const { deno, bun } = process.versions as Partial<Record<string, string>>;
  const { name } = project;
  if (deno) return `deno install -g -A -n swagpu jsr:${name}/cli`;
  return `${bun ? "bun" : "npm"} install -g ${name} webgpu`;
}

/** The milliseconds to wait where a pipe takes no bytes at the moment. */
const PAUSE = 2;

/** Standard output, for results. */
export const STANDARD_OUTPUT = {
  /**
   * Writes bytes.
   *
   * @returns Whether somebody still reads them. Nobody does after `head` has ended.
   * @throws {Error} If they cannot be written, for example to a disk that is full.
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length;) {
      try {
        at += writeSync(1, bytes, at);
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "EPIPE") return false;
        if (code !== "EAGAIN") {
          throw diskError("Cannot write standard output", systemError(error));
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
    return true;
  },
};

/** Standard error, for messages. */
export const STANDARD_ERROR = {
  /** Whether it is a terminal, and not a file or a pipe. */
  isTerminal: (): boolean => process.stderr.isTTY === true,
  /** Writes bytes. */
  writeSync: (bytes: Uint8Array): number => writeSync(2, bytes),
};

/** The width of the terminal; infinity without one. */
export function terminalWidth(): number {
  return process.stderr.columns || Infinity;
}
