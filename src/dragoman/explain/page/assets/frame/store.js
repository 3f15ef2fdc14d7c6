/* The state of the look: a few named values, and who wants to know when they change. Knows no view. */

export class Store {
  constructor(values) {
    Object.assign(this, values);
    this.watchers = new Set();
  }

  /** Changes values and tells, once, each watcher of a value that is now another. */
  set(change) {
    const changed = Object.keys(change).filter((key) => this[key] !== change[key]);
    if (changed.length === 0) return;
    Object.assign(this, change);
    for (const watcher of [...this.watchers]) {
      if (this.watchers.has(watcher) && watcher.keys.some((key) => changed.includes(key))) watcher.run();
    }
  }

  /** Gives a function that ends the watch. */
  watch(keys, run) {
    const watcher = { keys, run };
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  clear() {
    this.watchers.clear();
  }
}
