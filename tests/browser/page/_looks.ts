// Copyright 2026 the swagpu authors. MIT license.

// Looks at the page as different people do: light and dark, wide and narrow, and by the
// names that a screen reader says.

import { assertEquals } from "@std/assert";
import type { Tab } from "../../../tools/browser/driver.ts";

/** Where the pictures go. */
const PICTURES = "out/browser";

const SEEN = await Deno.readTextFile(new URL("_seen.js", import.meta.url));

/** What must have a name of its own. */
const NAMED = new Set([
  "button",
  "checkbox",
  "combobox",
  "image",
  "img",
  "progressbar",
  "region",
  "spinbutton",
  "tab",
  "tabpanel",
  "textbox",
]);

interface AXNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
}

/** The roles of what a screen reader finds, and their names. */
export async function spoken({ page }: Tab): Promise<[string, string][]> {
  const session = await page.context().newCDPSession(page);
  try {
    const { nodes } = await session.send("Accessibility.getFullAXTree") as {
      nodes: AXNode[];
    };
    return nodes.filter(({ ignored }) => !ignored)
      .map(({ role, name }) => [role?.value ?? "", name?.value ?? ""]);
  } finally {
    await session.detach();
  }
}

/**
 * Checks the page as it stands in four looks, and takes a picture of each.
 *
 * @param tab The page.
 * @param name What the pictures are called.
 */
export async function checkLooks(tab: Tab, name: string): Promise<void> {
  const { page } = tab;
  await Deno.mkdir(PICTURES, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const width of [1400, 400]) {
      await page.setViewportSize({ width, height: 900 });
      // Charts are drawn again in the frame after the one that measures them.
      await page.evaluate(() => new Promise((done) => setTimeout(done, 200)));
      const look = `${name}-${width}-${colorScheme}`;
      assertEquals(await page.evaluate(SEEN), [], look);
      await tab.screenshot(`${PICTURES}/${look}.png`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1400, height: 900 });
  const nameless = (await spoken(tab))
    .filter(([role, name]) => NAMED.has(role) && name.trim() === "");
  assertEquals(nameless, [], `${name}: what has no name`);
}
