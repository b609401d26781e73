// What the browser tests ask of a page: functions on `window.probes`. Read by test_html_browser.py.

(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  /** Red, green, blue (0-255) and alpha (0-1) of any CSS colour. */
  function channels(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  }

  const over = (top, below) => top.slice(0, 3).map((c, at) => c * top[3] + below[at] * (1 - top[3]));

  /** What stands behind an element: the backgrounds of it and what it lies in, one over the other. */
  function background(element) {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  }

  function luminance(rgb) {
    const [red, green, blue] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function contrast(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }

  const visible = (element) => element.checkVisibility() && !element.closest(".unseen, noscript, script, style");
  const own = (element) => [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();

  /** Texts whose contrast is below 4.5 (3 for large ones), with it. */
  function pale() {
    const found = [];
    let seen = 0;
    for (const element of document.querySelectorAll("body *")) {
      if (!own(element) || !visible(element)) continue;
      const style = getComputedStyle(element);
      const behind = background(element);
      const colour = over(channels(element.closest("svg") ? style.fill : style.color), behind);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      seen += 1;
      const value = contrast(colour, behind);
      if (value < (large ? 3 : 4.5)) found.push(`${own(element).slice(0, 40)}: ${value.toFixed(2)}`);
    }
    return { seen, found };
  }

  /** Texts of charts that leave their panel, and panels whose texts cover one another in the column of values. */
  function clipped() {
    const found = [];
    for (const panel of document.querySelectorAll(".panel")) {
      if (!visible(panel)) continue;
      const frame = panel.getBoundingClientRect();
      for (const text of panel.querySelectorAll("svg text")) {
        const box = text.getBoundingClientRect();
        if (!text.textContent || (box.width === 0 && box.height === 0)) continue;
        if (box.left < frame.left || box.right > frame.right + 0.5 || box.top < frame.top || box.bottom > frame.bottom) {
          found.push(`${panel.querySelector("figcaption").textContent}: ${text.textContent}`);
        }
      }
    }
    return found;
  }

  /** Pairs of names or values in one chart that cover each other. */
  function covered() {
    const found = [];
    for (const svg of document.querySelectorAll(".panel > svg")) {
      if (!visible(svg)) continue;
      const texts = [...svg.querySelectorAll(".name text, .value text, [aria-label='y-axis tick label'] text")]
        .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }))
        .filter(({ text }) => text);
      texts.forEach((a, at) => texts.slice(at + 1).forEach((b) => {
        const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
        const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
        if (wide > 1 && high > 4) found.push(`${svg.getAttribute("aria-label").slice(0, 30)}: ${a.text} and ${b.text}`);
      }));
    }
    return found;
  }

  /** Each panel of bars: its title, and per bar its width, and the ends of its interval right of the bars' start. */
  function bars() {
    return [...document.querySelectorAll("#bars .panel")].map((panel) => {
      const start = (element) => element.getBoundingClientRect();
      const rects = [...panel.querySelectorAll("[aria-label=bar] rect, [aria-label=bar] path")].map(start);
      const zero = Math.min(...rects.map((rect) => rect.left));
      const intervals = [...panel.querySelectorAll("g.interval line")].map(start);
      return {
        title: panel.querySelector("figcaption").firstChild.textContent,
        widths: rects.map((rect) => rect.width),
        intervals: intervals.map((line) => [line.left - zero, line.right - zero]),
        floors: [...panel.querySelectorAll("g.floor line")].map((line) => start(line).left - zero),
        values: [...panel.querySelectorAll("g.value text")].map((text) => text.textContent),
        words: panel.querySelector("svg").getAttribute("aria-label"),
      };
    });
  }

  window.probes = { pale, clipped, covered, bars };
})();
