/* Makes elements. Text becomes text nodes only, so nothing of a trace is ever read as HTML; knows no trace. */

const SVG = "http://www.w3.org/2000/svg";

/** h("div.card.wide", { title: "x", on: { click } }, "text", child, [children]) */
export function h(name, options = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.classList.add(...classes);
  return fill(element, options, children);
}

/** The same for SVG: presentation attributes go through the options. */
export function s(name, options = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElementNS(SVG, tag);
  if (classes.length) element.classList.add(...classes);
  return fill(element, options, children);
}

function fill(element, options, children) {
  for (const [key, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, run] of Object.entries(value)) element.addEventListener(event, run);
    // Through the object model: a style attribute would be refused by a strict content security policy.
    else if (key === "css") for (const [property, to] of Object.entries(value)) element.style.setProperty(property, to);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  put(element, children);
  return element;
}

function put(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Empties the element and puts the children in. */
export function swap(element, ...children) {
  element.replaceChildren();
  put(element, children);
  return element;
}

/** A word of the trace: isolated, so that right-to-left text does not turn its neighbours around. */
export function word(text, kind = "", options = {}) {
  return h(`bdi.word${kind ? `.${kind}` : ""}`, options, visible(text));
}

/** Characters that would be invisible get a picture; the rest stays as it is. */
export function visible(text) {
  return text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll("​", "·") || "∅";
}

export function button(text, run, options = {}) {
  return h("button", { type: "button", ...options, on: { click: run } }, text);
}

/** A row of buttons of which one is pressed. `items` are [value, text]. */
export function choice(label, items, current, pick) {
  const buttons = items.map(([value, text, off]) =>
    button(text, () => pick(value), { "aria-pressed": String(value === current), disabled: Boolean(off), "data-value": value }),
  );
  return h("div.choice", { role: "group", "aria-label": label }, buttons);
}

export function select(label, items, current, pick) {
  const options = items.map(([value, text]) => h("option", { value, selected: String(value) === String(current) }, text));
  return h("label.pick", {}, h("span", {}, label), h("select", { on: { change: (event) => pick(event.target.value) } }, options));
}

/** Rows of a table; the first is its head. Cells are text or elements. */
export function table(head, rows, options = {}) {
  return h(
    "div.scroll",
    { tabindex: "0" },
    h(
      "table",
      options,
      h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))),
      h("tbody", {}, rows.map((row) => (row instanceof Node ? row : h("tr", {}, row.map((cell) => h("td", {}, cell)))))),
    ),
  );
}

/** 0.1234 -> "0.123"; 12.34 -> "12.3"; tiny numbers keep an exponent. */
export function number(x, digits = 3) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size !== 0 && size < 10 ** -digits) return x.toExponential(0).replace("-", "−");
  return x.toFixed(Math.max(0, digits - (size >= 10) - (size >= 100))).replace("-", "−");
}

export function percent(p) {
  if (p >= 0.9995) return "100%";
  return p < 0.001 ? "<0.1%" : `${(p * 100).toFixed(p < 0.1 ? 1 : 0)}%`;
}
