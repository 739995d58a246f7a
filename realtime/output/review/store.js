// The decisions of one coder about the results of one recording, kept in this browser after every key.

const MOMENTS = ["onset", "apex", "offset"];

class Store {
  constructor(data, coder) {
    this.data = data;
    this.coder = coder;
    this.seed = seedOf(coder);
    this.key = `mer-review:${data.results}:${coder}`;
    this.kept = true;
    this.entries = new Map();
    this.changed = () => {};
    try {
      const text = localStorage.getItem(this.key);
      if (text) this.merge(JSON.parse(text));
    } catch {
      this.kept = false; // private windows and some policies
    }
  }

  get(id) { return this.entries.get(id); }

  set(entry) {
    this.entries.set(entry.id, { ...entry, changed_utc: new Date().toISOString() });
    this.keep();
    this.changed();
  }

  decided(id) { return Boolean(this.entries.get(id)?.decision); }

  keep() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.content()));
    } catch {
      this.kept = false;
    }
  }

  // Takes in a file of the same coder; of two entries about a candidate the later one stays.
  merge(content) {
    const known = new Set(this.data.items.map((item) => item.id));
    for (const entry of content.decisions) {
      const mine = this.entries.get(entry.id);
      if (known.has(entry.id) && !(mine && mine.changed_utc >= entry.changed_utc)) this.entries.set(entry.id, entry);
    }
  }

  content() {
    const decisions = this.data.items.map((item) => this.entries.get(item.id)).filter(Boolean);
    const { schema, recording, results } = this.data;
    return { schema, recording, results, coder: this.coder, seed: this.seed, decisions };
  }
}
