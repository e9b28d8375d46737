// Copyright 2026 the swagpu authors. MIT license.

/**
 * The files that `report` writes. Those of somebody else, and cards that somebody has
 * changed since, are not replaced unless that is asked for.
 *
 * @module
 */

import { AlreadyExists } from "../host/mod.ts";
import { exists, readText, writeTextAtomically } from "../nn/formats/mod.ts";
import type { RunResults } from "../report/mod.ts";
import { hashOf } from "./hash.ts";

/** The page. */
export const REPORT_NAME = "report.html";

/** The model card. */
export const CARD_NAME = "README.md";

/** What every page of a report holds. */
const PAGE_MARK = '<meta name="generator" content="swagpu"/>';

/** The last line of a card that was not changed: the hash of all before it. */
const CARD_MARK =
  /\n<!-- Written by swagpu report, (sha256:[0-9a-f]{64}) -->\n$/;

/** Where to write, and what. */
export interface ReportOutputs {
  /** The folder. */
  folder: string;
  /** Whether to write a model card. */
  withCard: boolean;
}

/** The hash of a text. */
function hashOfText(text: string): Promise<string> {
  return hashOf(new TextEncoder().encode(text));
}

/** Whether a card is as `report` wrote it. */
async function isOwnCard(text: string): Promise<boolean> {
  const found = CARD_MARK.exec(text);
  return found !== null &&
    await hashOfText(text.slice(0, found.index)) === found[1];
}

/**
 * Refuses to replace what `report` did not write.
 *
 * @throws {AlreadyExists} If there is such a file; the message names it.
 */
export async function checkReportOutputs(
  { folder, withCard }: ReportOutputs,
): Promise<void> {
  const page = `${folder}/${REPORT_NAME}`;
  const advice = "choose another folder with --output, or say --overwrite";
  if (await exists(page) && !(await readText(page)).includes(PAGE_MARK)) {
    throw new AlreadyExists(
      `Cannot replace ${page}: report did not write it; ${advice}`,
    );
  }
  const card = `${folder}/${CARD_NAME}`;
  if (!withCard || !await exists(card)) return;
  if (await isOwnCard(await readText(card))) return;
  throw new AlreadyExists(
    `Cannot replace ${card}: report did not write it, or somebody has changed ` +
      `it; ${advice}, or --no-card`,
  );
}

/**
 * Writes the page and the card, each as a whole or not at all.
 *
 * @returns The files that were written.
 */
export async function writeReportOutputs(
  results: RunResults,
  { folder, withCard }: ReportOutputs,
): Promise<string[]> {
  const page = `${folder}/${REPORT_NAME}`;
  // The program that draws charts is large, and no other command needs it.
  const { modelCard, writeReport } = await import("../report/mod.ts");
  // Made before anything is written, in case the results do not fit together.
  const text = withCard ? modelCard(results) : "";
  await writeReport(page, results);
  if (!withCard) return [page];
  const card = `${folder}/${CARD_NAME}`;
  const mark = `<!-- Written by swagpu report, ${await hashOfText(text)} -->\n`;
  await writeTextAtomically(card, `${text}\n${mark}`);
  return [page, card];
}
