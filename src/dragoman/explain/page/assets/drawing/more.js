/* A sign on everything that can be pushed sideways or up, on the side where there is more of it. Knows no view. */

const ROLLS = ".scroll, .tabs, .question, .bounded, .sentence, .sentence bdi";

/** Marks what is inside `root`, now and whenever it changes; gives a function that ends it. */
export function signed(root) {
  let planned = 0;
  const all = () => {
    planned = 0;
    for (const one of root.querySelectorAll(ROLLS)) mark(one);
  };
  const plan = () => {
    planned ||= requestAnimationFrame(all);
  };
  const scrolled = ({ target }) => target.matches?.(ROLLS) && mark(target);
  const changes = new MutationObserver(plan);
  changes.observe(root, { childList: true, subtree: true });
  const sizes = new ResizeObserver(plan);
  sizes.observe(root);
  root.addEventListener("scroll", scrolled, true); // it does not bubble
  plan();
  return () => {
    cancelAnimationFrame(planned);
    changes.disconnect();
    sizes.disconnect();
    root.removeEventListener("scroll", scrolled, true);
  };
}

function mark(one) {
  const [wide, high] = [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight];
  one.classList.toggle("more-left", wide > 1 && one.scrollLeft > 1);
  one.classList.toggle("more-right", wide > 1 && one.scrollLeft < wide - 1);
  one.classList.toggle("more-below", high > 1 && one.scrollTop < high - 1);
}
