// The state of a review and everything that changes it.

class Review {
  constructor(data) {
    this.data = data;
    this.names = [...data.classes, "none"];
    this.others = [];
    this.place = 0;
    this.clip = new Clip(byId("clip"), byId("slider"), () => showFrame(this.clip));
    this.sender = served ? new Sender((text) => { byId("written").textContent = text; }) : null;
  }

  get item() { return this.items[this.place]; }

  async start(coder, blind) {
    this.blind = blind;
    this.store = new Store(this.data, coder);
    this.items = blind ? shuffled(this.data.items, this.store.seed) : this.data.items;
    if (served) (await everybodysDecisions()).forEach((content) => this.take(content));
    this.store.changed = () => this.sender?.send(this.store.content());
    byId("start").hidden = true;
    byId("work").hidden = false;
    byId("coder-shown").textContent = coder + (blind ? `, blind, order ${this.store.seed}` : "");
    showLabels(this.names, (name) => this.label(name));
    const first = this.items.findIndex((item) => !this.store.decided(item.id));
    this.open(Math.max(first, 0));
    byId("which").focus();
    if (!this.store.kept) tell("this browser keeps nothing for this page: save the decisions as a file before you leave");
  }

  // What was decided or begun about the candidate; blind coders begin with nothing of the program's.
  entry() {
    const { item, blind } = this;
    const known = this.store.get(item.id);
    if (known) return known;
    const said = { id: item.id, decision: null, label: null, onset: null, apex: null, offset: null, note: "", blind };
    if (blind) return said;
    const label = item.kind === "event" ? item.label : null;
    return { ...said, label, onset: item.onset, apex: item.apex, offset: item.offset };
  }

  open(place) {
    this.place = place;
    const start = this.entry().onset ?? (this.blind ? null : this.item.onset);
    this.clip.open(this.item, 0);
    if (start) this.clip.goTo(this.clip.nearest(start));
    byId("note").blur();
    showItem(this.item, place, this.items, this.blind, this.data.people);
    showOthers(this.others, this.item, this.blind);
    this.show();
  }

  show() {
    showEntry(this.entry(), this.clip);
    showProgress(this.store, this.items);
  }

  change(fields) {
    this.store.set({ ...this.entry(), ...fields });
    this.show();
  }

  step(frames) {
    this.clip.stop();
    this.clip.goTo(this.clip.place + frames);
  }

  play() { this.clip.play(); }

  setMoment(name) {
    this.clip.stop();
    this.change({ [name]: this.clip.frame });
    tell(`${name}: ${frameText(this.clip.frame)}`);
  }

  goToMoment(name) {
    const moment = this.entry()[name];
    if (moment) this.step(this.clip.nearest(moment) - this.clip.place);
    else tell(`the ${name} is not set`);
  }

  label(name) {
    this.change({ label: name });
    tell(`label: ${name}`);
  }

  labelByKey(key) {
    const name = key === "0" ? this.names.at(-1) : this.names.slice(0, -1)[Number(key) - 1];
    if (name) this.label(name);
  }

  // Why a candidate cannot be accepted yet, or "".
  missing({ label, onset, apex, offset }) {
    const unset = MOMENTS.filter((name) => !({ onset, apex, offset })[name]);
    if (unset.length) return `set the ${unset.join(", ")} first`;
    if (!(onset.frame <= apex.frame && apex.frame <= offset.frame && onset.frame < offset.frame))
      return "onset, apex and offset must follow one another";
    return label ? "" : "choose a label first; 0 for none";
  }

  decide(decision) {
    const problem = decision === "accept" ? this.missing(this.entry()) : "";
    if (problem) { tell(problem); return; }
    this.change({ decision, blind: this.blind && this.entry().blind }); // not blind if it was begun with open eyes
    tell(`${byId("which").textContent}: ${decision}`);
    this.nextUndecided();
  }

  clear() { this.change({ decision: null }); tell("decision cleared"); }

  move(by) { this.open((this.place + by + this.items.length) % this.items.length); }

  nextUndecided() {
    const later = [...this.items.keys()].map((k) => (this.place + 1 + k) % this.items.length);
    const next = later.find((place) => !this.store.decided(this.items[place].id));
    if (next !== undefined) this.open(next);
    else tell("all candidates are decided: save the decisions with s");
  }

  save() { tell(`saved as ${download(this.store.content())} in the folder of your downloads`); }

  // Takes in a file: one's own goes on where it ended, that of another coder is shown unless blind.
  take(content) {
    const problem = problemOf(content, this.data);
    if (problem) return problem;
    if (content.coder === this.store.coder) { this.store.merge(content); this.store.keep(); }
    else this.others = [...this.others.filter(({ coder }) => coder !== content.coder), content];
    return "";
  }

  async load(file) {
    let problem = "it is not JSON";
    try { problem = this.take(JSON.parse(await file.text())); } catch { /* said below */ }
    tell(problem ? `${file.name} was not loaded: ${problem}` : `${file.name} was loaded`);
    this.open(this.place);
  }
}

const review = new Review(JSON.parse(byId("data").textContent));
const table = keyTable(review);
showKeys(table);
listen(table);
byId("begin").disabled = review.data.items.length === 0;
byId("start").addEventListener("submit", (event) => {
  event.preventDefault();
  const coder = byId("coder").value.trim();
  if (coder) review.start(coder, byId("blind").checked);
});
for (const name of MOMENTS) {
  byId(`set-${name}`).addEventListener("click", () => review.setMoment(name));
  byId(`go-${name}`).addEventListener("click", () => review.goToMoment(name));
}
for (const [id, act] of Object.entries({
  accept: () => review.decide("accept"), reject: () => review.decide("reject"), clear: () => review.clear(),
  play: () => review.play(), previous: () => review.move(-1), next: () => review.move(1), save: () => review.save(),
})) byId(id).addEventListener("click", act);
byId("note").addEventListener("input", () => review.change({ note: byId("note").value }));
byId("load").addEventListener("change", async ({ target }) => {
  if (target.files[0]) await review.load(target.files[0]);
  target.value = ""; // so that the same file can be chosen again
});
