/* Ways through a wide picture: one tab stop and the arrow keys, and scrolling to what is at hand. Knows no picture. */

/** next(i, key) is where an arrow key leads from i, or null. Gives { stop(i) }: the tab stop moved, not the focus. */
export function walk(nodes, next, pick) {
  let current = 0;
  const stop = (i) => {
    nodes[current]?.setAttribute("tabindex", "-1");
    nodes[i]?.setAttribute("tabindex", "0");
    current = i;
  };
  const press = (event, i) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") pick(i);
    else {
      const to = event.key.startsWith("Arrow") ? next(i, event.key) : null;
      if (!nodes[to]) return;
      stop(to);
      nodes[to].focus();
    }
    event.preventDefault();
    event.stopPropagation();
  };
  nodes.forEach((node, i) => {
    node.setAttribute("role", "button");
    node.setAttribute("tabindex", i === 0 ? "0" : "-1");
    node.addEventListener("keydown", (event) => press(event, i));
    node.addEventListener("click", () => {
      stop(i);
      pick(i);
    });
  });
  return { stop };
}

/** Scrolls `holder` so that x to x + wide can be seen; in the next frame, when it has been laid out anyway. */
export function inSight(holder, x, wide) {
  requestAnimationFrame(() => {
    const { scrollLeft, clientWidth } = holder;
    if (x < scrollLeft || x + wide > scrollLeft + clientWidth) holder.scrollLeft = x + wide / 2 - clientWidth / 2;
  });
}
