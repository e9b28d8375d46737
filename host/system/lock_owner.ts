// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Who has made the file of a lock, and whether that process is alive.
//
// A number alone does not say: it is given to another process after a while, in a
// container at once, and another machine that shares the disk has its own numbers. So
// Node writes a line with number, machine and start of the process. Deno, which needs a
// permission to know its machine, writes the number alone; but there the operating
// system decides.

import { needModule, nodeProcess } from "./runtime.ts";

type Fs = typeof import("node:fs");

/** The milliseconds between two times that an owner touches its file. */
export const TOUCHED_EVERY = 10_000;

/**
 * The milliseconds after which an owner that cannot be asked for counts as dead. Its
 * timer rests while it compiles kernels, and clocks of two machines differ.
 */
const TOUCHED_AT_LEAST = 180_000;

/** The milliseconds after which whoever has made a file has written into it. */
const TIME_TO_WRITE = 10_000;

/**
 * When a process was started, in ticks since the machine was; "-" if not known, and
 * "ended" if nothing is left of it but its number.
 */
function startOf(fs: Fs, number: string): string {
  try {
    const text = fs.readFileSync(`/proc/${number}/stat`, "utf8");
    // The second field is a name in parentheses, which may hold anything.
    const after = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return /^[ZX]$/.test(after[0] ?? "") ? "ended" : after[19] ?? "-";
  } catch {
    return "-"; // Only Linux has this file.
  }
}

/** The text by which this process says that it owns a lock. */
export function ownerText(fs: Fs): string {
  const number = String(nodeProcess()?.pid);
  return `${number} ${machine()} ${startOf(fs, number)}\n`;
}

/** The name of this machine, or of the container. */
function machine(): string {
  return needModule("node:os").hostname().replace(/\s/g, "-") || "-";
}

/** Whether there is a process with a number. */
function exists(number: string): boolean {
  try {
    nodeProcess()?.kill(Number(number), 0);
    return true;
  } catch (error) {
    // Only a process that exists can be forbidden to us.
    return (error as { code?: string }).code === "EPERM";
  }
}

/**
 * Whether the owner of a lock is alive.
 *
 * @param fs Node's module.
 * @param owner What the owner has written.
 * @param age The milliseconds since the owner has last touched the file.
 */
export function isAlive(fs: Fs, owner: string, age: number): boolean {
  const [, number = "", host, start] =
    /^(\d+)(?: (\S+) (\S+))?\n?$/.exec(owner) ??
      [];
  if (number === "") return age < TIME_TO_WRITE;
  if (host === undefined) { // A process of Deno, and so not this one.
    return number !== String(nodeProcess()?.pid) && exists(number);
  }
  if (host !== machine()) return age < TOUCHED_AT_LEAST;
  if (!exists(number)) return false;
  const now = startOf(fs, number);
  return start === "-" || now === "-" ? age < TOUCHED_AT_LEAST : start === now;
}
