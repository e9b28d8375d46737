// Copyright 2026 the swagpu authors. MIT license.

// Runs in the page: finds texts of too little contrast, as they are painted, and what is
// wider than the window. Gives a line for each.

(() => {
  const canvas = new OffscreenCanvas(1, 1);
  const brush = canvas.getContext("2d", { willReadFrequently: true });

  /** Red, green, blue and alpha of any color that CSS knows. */
  const channels = (color) => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = color;
    brush.fillRect(0, 0, 1, 1);
    return [...brush.getImageData(0, 0, 1, 1).data].map((c) => c / 255);
  };
  const over = ([r, g, b, a], below) =>
    [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) =>
      c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = (element) => {
    const colors = [];
    for (let at = element; at; at = at.parentElement) {
      colors.unshift(channels(getComputedStyle(at).backgroundColor));
    }
    return colors.reduce((below, color) => over(color, below), [1, 1, 1]);
  };

  const faults = [];
  const check = (element, text, color) => {
    const below = ground(element);
    const ratio = contrast(over(channels(color), below), below);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${text}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = texts.nextNode());) {
    const { parentElement: parent } = node;
    const text = node.data.trim();
    const isSeen = text !== "" && parent.checkVisibility() &&
      !["TITLE", "DESC", "SCRIPT", "STYLE"].includes(
        parent.tagName.toUpperCase(),
      );
    if (!isSeen) continue;
    const { color, fill } = getComputedStyle(parent);
    check(parent, text, parent instanceof SVGElement ? fill : color);
  }
  for (const field of document.querySelectorAll("input, textarea, select")) {
    if (!field.checkVisibility({ opacityProperty: true })) continue;
    check(field, `the field ${field.id}`, getComputedStyle(field).color);
    if (!field.placeholder) continue;
    const { color } = getComputedStyle(field, "::placeholder");
    check(field, `the placeholder of ${field.id}`, color);
  }
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) {
    faults.push(`the page is ${scrollWidth} pixels wide in ${innerWidth}`);
  }
  return faults;
})();
