// Copyright 2026 the swagpu authors. MIT license.

// A place for a chart: it is drawn as wide as its place is, and its numbers can be read
// as a table.

import { html } from "../page/dom.ts";
import { table, type TableContent } from "./table.ts";

/** What a figure shows. */
export interface FigureContent {
  /** Draws the chart for a width in pixels. */
  readonly draw: (width: number) => SVGSVGElement;
  /** The same numbers. */
  readonly table: TableContent;
}

/** A chart with its table. */
export class Figure {
  /** The element, to be put into the page. */
  readonly element: HTMLElement;
  readonly #note = html("small");
  readonly #plot = html("div", { class: "plot" });
  readonly #data = html("div", {
    class: "scroll",
    tabindex: 0,
    role: "region",
  });
  readonly #details: HTMLDetailsElement;
  #content: FigureContent | undefined;
  #width = 0;

  /**
   * Makes a figure without a chart.
   *
   * @param title What stands above it.
   */
  constructor(title: string) {
    this.#details = html(
      "details",
      { class: "data" },
      html("summary", { "aria-label": `Numbers: ${title}` }, "Numbers"),
      this.#data,
    );
    this.#data.setAttribute("aria-label", `${title}: numbers`);
    this.#details.addEventListener("toggle", () => this.#fillTable());
    this.element = html(
      "figure",
      { class: "chart" },
      html("figcaption", {}, title, this.#note),
      this.#plot,
      this.#details,
    );
    new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width === this.#width) return;
      this.#width = width;
      this.#draw();
    }).observe(this.#plot);
  }

  /** Shows a chart in place of the one before. */
  show(content: FigureContent): void {
    this.#content = content;
    this.#draw();
    this.#fillTable();
  }

  /** Says something below the title. */
  note(text: string): void {
    this.#note.textContent = text;
  }

  #draw(): void {
    if (!this.#content || this.#width === 0) return;
    this.#plot.replaceChildren(this.#content.draw(this.#width));
  }

  /** A closed table costs nothing. */
  #fillTable(): void {
    if (!this.#content || !this.#details.open) return;
    this.#data.replaceChildren(table(this.#content.table));
  }
}
