// The keys: one table that acts and that the page shows.

function keyTable(review) {
  const set = (name) => () => review.setMoment(name);
  const go = (name) => () => review.goToMoment(name);
  return [
    { keys: ["ArrowRight"], shown: "\u2192", what: "next frame", act: () => review.step(1) },
    { keys: ["ArrowLeft"], shown: "\u2190", what: "previous frame", act: () => review.step(-1) },
    { keys: ["Shift+ArrowRight"], shown: "Shift \u2192", what: "10 frames on", act: () => review.step(10) },
    { keys: ["Shift+ArrowLeft"], shown: "Shift \u2190", what: "10 frames back", act: () => review.step(-10) },
    { keys: ["Home"], shown: "Home", what: "first frame", act: () => review.step(-1e9) },
    { keys: ["End"], shown: "End", what: "last frame", act: () => review.step(1e9) },
    { keys: [" "], shown: "Space", what: "play four times slower, or stop", act: () => review.play() },
    { keys: ["o"], shown: "o", what: "onset is this frame", act: set("onset") },
    { keys: ["p"], shown: "p", what: "apex (peak) is this frame", act: set("apex") },
    { keys: ["f"], shown: "f", what: "offset (finish) is this frame", act: set("offset") },
    { keys: ["Shift+O"], shown: "Shift o", what: "go to the onset", act: go("onset") },
    { keys: ["Shift+P"], shown: "Shift p", what: "go to the apex", act: go("apex") },
    { keys: ["Shift+F"], shown: "Shift f", what: "go to the offset", act: go("offset") },
    { keys: [..."1234567890"], shown: "1\u20269, 0", what: "label; 0 for none", act: (key) => review.labelByKey(key) },
    { keys: ["a"], shown: "a", what: "accept: a micro-expression; then the next", act: () => review.decide("accept") },
    { keys: ["r"], shown: "r", what: "reject: none; then the next", act: () => review.decide("reject") },
    { keys: ["c"], shown: "c", what: "clear the decision", act: () => review.clear() },
    { keys: ["n"], shown: "n", what: "write a note; Esc leaves it", act: () => byId("note").focus() },
    { keys: ["j"], shown: "j", what: "next candidate", act: () => review.move(1) },
    { keys: ["k"], shown: "k", what: "previous candidate", act: () => review.move(-1) },
    { keys: ["u"], shown: "u", what: "next undecided candidate", act: () => review.nextUndecided() },
    { keys: ["s"], shown: "s", what: "save the decisions as a file", act: () => review.save() },
    { keys: ["?"], shown: "?", what: "show or hide this list", act: () => { byId("keys").open = !byId("keys").open; } },
  ];
}

function nameOf(event) {
  const letter = event.key.length === 1;
  if (letter && !/[a-z]/i.test(event.key)) return event.key; // "?" needs Shift on most keyboards
  return (event.shiftKey ? "Shift+" : "") + (letter && event.shiftKey ? event.key.toUpperCase() : letter ? event.key.toLowerCase() : event.key);
}

function listen(table) {
  const byKey = new Map(table.flatMap((row) => row.keys.map((key) => [key, row])));
  addEventListener("keydown", (event) => {
    const typing = event.target.matches("textarea, input:not([type=range]):not([type=checkbox])");
    if (typing && event.key === "Escape") { event.target.blur(); return; }
    if (typing || event.ctrlKey || event.altKey || event.metaKey || byId("work").hidden) return;
    if (event.target.matches("button, summary, a, input[type=checkbox]") && event.key === " ") return; // it presses them
    if (event.key.length === 1 && !byId("single-keys").checked) return;
    const row = byKey.get(nameOf(event));
    if (!row) return;
    event.preventDefault();
    row.act(event.key);
  });
}
