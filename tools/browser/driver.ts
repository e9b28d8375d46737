// Copyright 2026 the swagpu authors. MIT license.

/**
 * Drives a headless Chromium by playwright-core, for tests of web pages.
 *
 * A page that is visited must be without fault: each error in its console, each error
 * that it does not catch, each request that fails or that asks another host is a
 * problem, also in its workers, and a visit with problems throws.
 *
 * @example A test of a page
 * ```ts ignore
 * await using site = await serve({ folders: { "/": "dist/page/" } });
 * await using browser = await startBrowser();
 * await browser.visit(site.url, async (tab) => {
 *   await tab.page.getByRole("button", { name: "Train" }).click();
 *   await tab.screenshot("out/train.png");
 * }, { width: 400 });
 * ```
 *
 * @module
 */

import type { Browser as Chromium, Page } from "playwright-core";
import { findChromium } from "./chromium.ts";
import { watch } from "./problems.ts";

// SwiftShader computes on the CPU, in the same way on every machine. The other flags
// keep the browser from using the network; it finds no host but this machine.
// Playwright adds --headless and an empty profile, which it removes.
const FLAGS = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** How a page is shown. */
export interface VisitOptions {
  /** The width of the window, in CSS pixels. @default {1280} */
  width?: number;
  /** The height of the window, in CSS pixels. @default {800} */
  height?: number;
  /** The color scheme that the user prefers. @default {"light"} */
  colorScheme?: "light" | "dark";
  /** Whether the user prefers less motion. @default {false} */
  reducedMotion?: boolean;
}

/** A page that is visited. */
export class Tab {
  /** Playwright's page: clicks, keys, and what is seen. */
  readonly page: Page;
  readonly #problems: string[];

  /** Takes a page that is watched. {@linkcode Browser.visit} does this. */
  constructor(page: Page, problems: string[]) {
    this.page = page;
    this.#problems = problems;
  }

  /** What has gone wrong in the page so far, a line for each problem. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Gives the problems so far and forgets them, for a test that expects some. */
  takeProblems(): string[] {
    return this.#problems.splice(0);
  }

  /**
   * Takes a picture of the whole page, also of what one has to scroll to.
   *
   * @param path Where it is saved as PNG, if anywhere.
   * @returns The bytes of the PNG.
   */
  async screenshot(path?: string): Promise<Uint8Array> {
    const take = () =>
      this.page.screenshot({
        fullPage: true,
        animations: "disabled",
        ...(path === undefined ? {} : { path }),
      });
    // Just started on a busy machine, Chromium may refuse a picture that it takes when
    // it is asked again.
    const buffer = await take().catch((error) => {
      if (!`${error}`.includes("Unable to capture screenshot")) throw error;
      return take();
    });
    return Uint8Array.from(buffer);
  }
}

/** A running Chromium. Closing it closes its pages. */
export class Browser implements AsyncDisposable {
  readonly #chromium: Chromium;

  /** Takes a browser that was started. {@linkcode startBrowser} does this. */
  constructor(chromium: Chromium) {
    this.#chromium = chromium;
  }

  /** The version, such as `156.0.8078.108`. */
  get version(): string {
    return this.#chromium.version();
  }

  /**
   * Opens an address, waits until the page has loaded, and closes it after the visit.
   * Each visit has storage of its own, which is empty at first.
   *
   * @param url The address of the page.
   * @param body What is done with the page.
   * @param options How it is shown.
   * @returns What the body returns.
   * @throws {Error} If the page has problems at the end, with all of them; if the body
   *   has failed too, its error is the cause.
   */
  async visit<T>(
    url: string,
    body: (tab: Tab) => T | Promise<T>,
    options: VisitOptions = {},
  ): Promise<T> {
    const {
      width = 1280,
      height = 800,
      colorScheme = "light",
      reducedMotion = false,
    } = options;
    await using context = await this.#chromium.newContext({
      viewport: { width, height },
      colorScheme,
      reducedMotion: reducedMotion ? "reduce" : "no-preference",
    });
    const problems = watch(context, new URL(url).host);
    const found = () => `${url} has problems:\n${problems.join("\n")}`;
    let result: T;
    try {
      const page = await context.newPage();
      await page.goto(url);
      result = await body(new Tab(page, problems));
    } catch (cause) {
      throw problems.length === 0 ? cause : new Error(found(), { cause });
    }
    await context.close(); // What the page has reported until now arrives before.
    if (problems.length > 0) throw new Error(found());
    return result;
  }

  /** Ends the browser, with all of its processes, and removes its profile. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chromium.close();
  }
}

/**
 * Starts Chromium without a window, with an empty profile. Where there is none, Debian's
 * package is installed if the user is root.
 *
 * @throws {Error} If there is no browser and none can be installed.
 */
export async function startBrowser(): Promise<Browser> {
  // As it loads, it looks for files that only a process with all permissions may see.
  const { chromium } = await import("playwright-core");
  return new Browser(
    await chromium.launch({
      executablePath: await findChromium(),
      args: FLAGS,
      chromiumSandbox: false,
    }),
  );
}
