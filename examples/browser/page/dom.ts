// Copyright 2026 the swagpu authors. MIT license.

// Elements of HTML and SVG, made by functions.

const SVG = "http://www.w3.org/2000/svg";

/** What an element may hold; `null` adds nothing. */
export type Child = Node | string | number | null;

/** The attributes of an element; `false` and `undefined` leave one out. */
export type Attributes = Readonly<
  Record<string, string | number | boolean | undefined>
>;

function fill<E extends Element>(
  element: E,
  attributes: Attributes,
  children: readonly Child[],
): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : `${value}`);
  }
  for (const child of children) {
    if (child !== null) {
      element.append(child instanceof Node ? child : `${child}`);
    }
  }
  return element;
}

/**
 * Makes an element of HTML.
 *
 * @param tag Its name.
 * @param attributes Its attributes.
 * @param children What it holds.
 */
export function html<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * Makes an element of SVG.
 *
 * @param tag Its name.
 * @param attributes Its attributes.
 * @param children What it holds.
 */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Finds an element of the page.
 *
 * @param id Its id.
 * @param type Its class.
 * @throws {TypeError} If the page has no such element.
 */
export function find<E extends Element>(id: string, type: new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new TypeError(`Cannot find #${id}: the page has no ${type.name} of it`);
}
