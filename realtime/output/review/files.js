// Decisions as files: saved by the browser, loaded from disk, or handed to the `mer-review` that serves this page.

const served = location.protocol.startsWith("http");

function fileName(coder) {
  const plain = coder.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return `review-${plain || seedOf(coder).toString(16)}.json`;
}

function download(content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1) + "\n"], { type: "application/json" }));
  link.download = fileName(content.coder);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  return link.download;
}

// What is wrong with a file, or "" if it holds decisions about the results on this page.
function problemOf(content, data) {
  if (!Array.isArray(content?.decisions) || typeof content.coder !== "string") return "it holds no decisions";
  if (content.results !== data.results) return `it is about other results (${content.recording})`;
  return "";
}

// Sends the latest state, one request at a time.
class Sender {
  constructor(tell) {
    this.tell = tell;
    this.busy = false;
    this.waiting = null;
  }

  async send(content) {
    if (this.busy) { this.waiting = content; return; }
    this.busy = true;
    try {
      const body = JSON.stringify(content);
      const answer = await fetch("decisions", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      this.tell(await answer.text());
    } catch {
      this.tell("not written: mer-review does not answer; the decisions are kept in this browser, save them as a file");
    }
    this.busy = false;
    const next = this.waiting;
    this.waiting = null;
    if (next) this.send(next);
  }
}

async function everybodysDecisions() {
  const answer = await fetch("decisions");
  return answer.ok ? answer.json() : [];
}
