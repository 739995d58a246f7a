// What the page shows of the state; it changes nothing.

const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function tell(text) { byId("status").textContent = text; }

function showProgress(store, items) {
  const done = items.filter((item) => store.decided(item.id)).length;
  byId("progress").max = items.length;
  byId("progress").value = done;
  byId("progress-text").textContent = `${done} of ${items.length} decided`;
}

function showItem(item, place, { length }, blind, people) {
  const whose = people > 1 ? `, person ${item.person}` : "";
  byId("which").textContent = blind ? `Candidate ${place + 1} of ${length}${whose}` : `${titleOf(item)}${whose} (${place + 1} of ${length})`;
  byId("said").replaceChildren(...(blind ? [] : saidAbout(item)));
}

function titleOf(item) { return item.kind === "event" ? `Event ${item.number}` : `Rejected candidate ${item.number}`; }

function saidAbout(item) {
  const shares = Object.entries(item.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 3);
  const text = item.kind === "event"
    ? `The program says ${item.label}: ${shares.map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(", ")}`
    : `The program rejected it: ${item.reason}`;
  return [element("li", `${text}. Score ${item.score}.`)];
}

function showOthers(others, item, blind) {
  const told = blind ? [] : others.flatMap(({ coder, decisions }) => {
    const entry = decisions.find(({ id, decision }) => id === item.id && decision);
    if (!entry) return [];
    return [element("li", `${coder}: ${entry.decision}${entry.decision === "accept" ? `, ${entry.label}` : ""}${entry.note ? ` (${entry.note})` : ""}`)];
  });
  byId("others").replaceChildren(...told);
}

function showEntry(entry, clip) {
  for (const choice of ["accept", "reject"]) byId(choice).setAttribute("aria-pressed", entry.decision === choice);
  for (const button of byId("labels").children) button.setAttribute("aria-pressed", button.dataset.label === entry.label);
  for (const name of MOMENTS) {
    const moment = entry[name], mark = byId(`mark-${name}`);
    byId(`${name}-value`).textContent = moment ? frameText(moment) : "not set";
    mark.hidden = !moment;
    if (moment) mark.style.left = `${(100 * clip.nearest(moment)) / Math.max(clip.item.frames.length - 1, 1)}%`;
  }
  if (document.activeElement !== byId("note")) byId("note").value = entry.note;
}

function showFrame(clip) {
  byId("frame").textContent = frameText(clip.frame) + (clip.playing ? `, playing ${SLOWER} times slower` : "");
}

function showLabels(names, choose) {
  byId("labels").replaceChildren(...names.map((name, number) => {
    const key = number === names.length - 1 ? 0 : number + 1;
    const button = element("button", `${name} `, { type: "button", "data-label": name, "aria-pressed": "false" });
    if (key < 10) button.append(element("kbd", String(key)));
    button.addEventListener("click", () => choose(name));
    return button;
  }));
}

function showKeys(keys) {
  byId("key-list").replaceChildren(...keys.flatMap(({ shown, what }) => [element("dt", shown), element("dd", what)]));
}
