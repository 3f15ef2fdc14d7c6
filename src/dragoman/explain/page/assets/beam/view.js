/* The beam as a tree over time: what lived, what died, what was written to the end, and the arithmetic of each. */

import { h, s, table, number, visible } from "../drawing/dom.js";
import { layout, endings, pathTo, spelled, starved } from "./layout.js";
import { openNode, reason, victory, greedy } from "./reasons.js";
import { cut } from "../layers/picture.js";
import { walk, inSight } from "../drawing/walk.js";

const NODE = [78, 36];
const PITCH = [108, 44]; // px from column to column and from row to row
const EDGE = [14, 34]; // px left of and above the first node
const LISTED = 12; // endings in the table
const READ = 90; // letters of an ending

export function beam(context) {
  const { trace, say, store } = context;
  const tree = trace.inference.beam;
  if (!tree?.nodes.length) return h("p.lead", {}, say("beam.none"));
  const plan = layout(tree);
  const drawn = new Tree(context, plan);
  const note = h("p.fine");
  context.watch(["mode"], () => {
    note.textContent = store.mode === "training" ? say("beam.training") : say("beam.follow");
  });
  context.watch(["t", "mode"], () => drawn.follow());
  const kind = trace.inference.options.sample ? "sampled" : tree.width === 1 ? "greedy" : "beam";
  return h(
    "div.beam",
    {},
    h("p.lead", {}, say(`beam.lead.${kind}`, { width: tree.width, twice: 2 * tree.width })),
    counted(context, tree),
    legend(say),
    drawn.holder,
    plan.hidden > 0 && h("p.limit", {}, say("beam.folded", { n: plan.drawn.size, all: tree.nodes.length, hidden: plan.hidden })),
    note,
    h("h3", {}, say("beam.endings")),
    ending(context, plan, tree),
  );
}

function counted(context, tree) {
  const { say, trace } = context;
  const count = (...states) => tree.nodes.filter((node) => states.includes(node.state)).length;
  const steps = trace.inference.steps.length;
  const after = trace.inference.decoder_passes - steps;
  const values = { n: tree.nodes.length - 1, dead: count("pruned"), ended: count("finished", "won") };
  return h("p", {}, say("beam.counted", values), after > 0 && say("beam.longer", { count: after, from: steps, to: steps + after - 1 }));
}

function legend(say) {
  const kinds = ["won", "finished", "live", "starved", "pruned"];
  return h("div.marks.beam-marks", {}, kinds.map((kind) => h("span", {}, h(`i.${kind}`, { "aria-hidden": "true" }), say(`beam.state.${kind}`))));
}

function ending(context, plan, tree) {
  const { say, trace } = context;
  const all = endings(tree.nodes);
  const a = trace.inference.options.length_penalty;
  const whole = (node) => spelled(pathTo(plan.byId, node).map((one) => one.token));
  const text = (node) => shortened(whole(node));
  // The same text can be cut into pieces in several ways: the best of them stands for it.
  const seen = new Map();
  for (const node of all) seen.set(whole(node), [...(seen.get(whole(node)) ?? []), node]);
  const found = [...seen.values()].map(([best]) => best);
  const rows = found.slice(0, LISTED).map((node, n) =>
    h(
      `tr${node.state === "won" ? ".won" : ""}`,
      {},
      h("td.num", {}, String(n + 1)),
      h("td.long", {}, h("button.inline", { type: "button", on: { click: () => openNode(context, plan, node) } }, h("bdi", {}, visible(text(node))))),
      h("td.num", {}, number(node.total, 2)),
      h("td.num", {}, String(node.t + 1)),
      h("td.num", {}, number(node.score, 3)),
      h("td.num", {}, String(seen.get(whole(node)).length)),
    ),
  );
  return [
    a !== undefined && h("p", {}, say("beam.penalty", { a })),
    table(["#", say("beam.text"), say("beam.total"), say("beam.length"), say("beam.score"), say("beam.cuts")], rows, { class: "endings" }),
    found.length > rows.length && h("p.limit", {}, say("page.limit", { n: rows.length, all: found.length })),
    found.length < all.length && h("p.fine", {}, say("beam.alike", { n: all.length, texts: found.length })),
    victory(context, all, text),
    greedy(context, plan),
  ];
}

function shortened(text) {
  const letters = Array.from(text);
  return letters.length > READ ? `${letters.slice(0, READ).join("")}…` : text;
}

class Tree {
  constructor(context, plan) {
    this.context = context;
    this.plan = plan;
    this.places = new Map();
    plan.columns.forEach(({ nodes }, column) => {
      nodes.forEach((node, row) => this.places.set(node.id, [EDGE[0] + column * PITCH[0], EDGE[1] + row * PITCH[1]]));
    });
    this.columns = plan.columns.map((column, i) => this.column(column, i));
    const [wide, high] = [EDGE[0] + plan.columns.length * PITCH[0], EDGE[1] + plan.tall * PITCH[1] + 4];
    this.svg = s(
      "svg.tree",
      { width: wide, height: high, role: "group", "aria-label": context.say("beam.label") },
      this.columns.map(({ edges }) => edges),
      this.columns.map(({ group }) => group),
    );
    this.holder = h("div.scroll.beam-scroll", {}, this.svg);
    this.keys();
  }

  column({ t, nodes, folded }, i) {
    const x = EDGE[0] + i * PITCH[0];
    // The winner's line lies on top of the others.
    const order = [...nodes].sort((a, b) => this.plan.winning.has(a.id) - this.plan.winning.has(b.id));
    const edges = s("g.edges", {}, order.map((node) => this.edge(node)));
    const group = s(
      "g.column",
      {},
      s("text.tick", { x: x + NODE[0] / 2, y: 18, "text-anchor": "middle" }, t < 0 ? "" : `t = ${t}`),
      nodes.map((node) => this.node(node)),
      folded > 0 &&
        s("text.more", { x: x + NODE[0] / 2, y: EDGE[1] + nodes.length * PITCH[1] + 20, "text-anchor": "middle" },
          this.context.say("beam.more", { n: folded })),
    );
    return { t, edges, group };
  }

  edge(node) {
    const from = this.places.get(node.parent);
    if (!from) return null;
    const to = this.places.get(node.id);
    const [x1, y1] = [from[0] + NODE[0], from[1] + NODE[1] / 2];
    const [x2, y2] = [to[0], to[1] + NODE[1] / 2];
    const middle = (x1 + x2) / 2;
    return s(`path.edge.${this.look(node)}`, { d: `M ${x1} ${y1} C ${middle} ${y1} ${middle} ${y2} ${x2} ${y2}` });
  }

  /** How a node looks: that the winner came from it counts for more than that it lived. */
  look(node) {
    if (this.plan.winning.has(node.id)) return "won";
    if (node.state === "live") return starved(this.plan, node) ? "live.starved" : "live";
    return node.state;
  }

  node(node) {
    const [x, y] = this.places.get(node.id);
    const { say } = this.context;
    const ends = node.score !== null && node.score !== undefined;
    const below = node.t < 0 ? "" : ends ? `${say("beam.score")} ${number(node.score, 3)}` : number(node.total, 2);
    const told = `${visible(node.token.piece)}, ${say(`beam.state.${node.state}`)}, ${say("beam.total")} ${number(node.total, 2)}`;
    return s(
      `g.node.${this.look(node)}`,
      { "aria-label": told, "data-id": node.id },
      s("title", {}, node.why ? `${told}. ${reason(say, node.why)}` : told),
      s("rect", { x, y, width: NODE[0], height: NODE[1], rx: 8 }),
      ends && s("rect.inner", { x: x + 2.5, y: y + 2.5, width: NODE[0] - 5, height: NODE[1] - 5, rx: 6 }),
      s("text.piece", { x: x + NODE[0] / 2, y: y + (node.t < 0 ? 22 : 15), "text-anchor": "middle" }, cut(node.token.piece, NODE[0] - 10)),
      s("text.sum", { x: x + NODE[0] / 2, y: y + 29, "text-anchor": "middle" }, below),
    );
  }

  /** One tab stop; left to the parent, right to the best child, up and down along a step. */
  keys() {
    const elements = [...this.svg.querySelectorAll(".node")];
    const nodes = elements.map((element) => this.plan.byId.get(Number(element.dataset.id)));
    const index = new Map(nodes.map((node, i) => [node.id, i]));
    const { winning, rank, children } = this.plan;
    const best = (node) =>
      (children.get(node.id) ?? [])
        .filter((child) => index.has(child.id))
        .sort((a, b) => winning.has(b.id) - winning.has(a.id) || rank.get(a.id) - rank.get(b.id))[0];
    const next = (i, key) => {
      const node = nodes[i];
      if (key === "ArrowLeft") return index.get(node.parent) ?? null;
      if (key === "ArrowRight") return index.get(best(node)?.id) ?? null;
      const to = i + (key === "ArrowDown" ? 1 : -1);
      return nodes[to]?.t === node.t ? to : null;
    };
    walk(elements, next, (i) => openNode(this.context, this.plan, nodes[i]));
  }

  /** Steps behind t are dim. At the winner's last step all are there: the rivals that went on too. */
  follow() {
    const { store, model } = this.context;
    const last = model.length("inference") - 1;
    const reached = store.mode === "training" || store.t >= last ? Infinity : store.t;
    this.columns.forEach(({ t, edges, group }) => {
      edges.classList.toggle("later", t > reached);
      group.classList.toggle("later", t > reached);
      group.classList.toggle("here", t === store.t && store.mode !== "training");
    });
    inSight(this.holder, EDGE[0] + (Math.max(-1, store.t) + 1) * PITCH[0], PITCH[0]);
  }
}
