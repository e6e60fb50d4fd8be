// The page at /: a program to try, and the queues. It speaks to the API as anybody does (openapi.yaml).

const FINAL = ["completed", "failed", "cancelled", "expired"];
const LOAD_MS = 2000;
const at = (id) => document.getElementById(id);

let languages = [];
let example = ""; // what stands in the editor unless somebody has written there
let running = null; // the id of the job that runs

async function ask(method, path, body) {
  const headers = {};
  if (at("key").value) headers.Authorization = `Bearer ${at("key").value}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (answer.error?.code) throw new Error(answer.error.message);
  return answer;
}

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// ---- the program

function chosen() {
  return languages.find((language) => language.name === at("language").value);
}

function showLanguage() {
  const language = chosen();
  at("version").textContent = language.version ?? "no executor has been seen yet";
  if (at("code").value === example) at("code").value = language.example;
  example = language.example;
}

async function loadLanguages() {
  languages = (await ask("GET", "/languages")).languages;
  at("language").replaceChildren(...languages.map((language) => {
    const option = element("option", language.displayName);
    option.value = language.name;
    return option;
  }));
  const first = languages.find((language) => language.version) ?? languages[0];
  at("language").value = first.name;
  showLanguage();
}

function addCase() {
  const item = at("case").content.cloneNode(true).firstElementChild;
  item.querySelector(".remove").addEventListener("click", () => {
    item.remove();
    at("add").focus();
  });
  at("cases").append(item);
  item.querySelector(".input").focus();
}

function submission() {
  const testCases = [...at("cases").children].map((item) => ({
    input: item.querySelector(".input").value,
    expected: item.querySelector(".expected").value,
  }));
  const made = { language: at("language").value, code: at("code").value };
  return testCases.length ? { ...made, testCases } : made;
}

// ---- its result

function words(verdict) {
  return verdict.replaceAll("_", " ");
}

function figures(run) {
  return `${Math.round(run.wallTimeMs)} ms, ${Math.round(run.cpuTimeMs)} ms of CPU, ${(run.memoryKb / 1024).toFixed(1)} MB`;
}

function verdictOf(run, verdict) {
  const line = element("p");
  line.append(element("span", words(verdict), `verdict ${verdict}`));
  if (run.wallTimeMs !== undefined) line.append(element("span", `  ${figures(run)}`, "quiet"));
  return line;
}

function streams(run) {
  const shown = [["Output", run.stdout], ["Errors", run.stderr], ["Why", run.reason]].filter(([, text]) => text);
  return shown.flatMap(([name, text]) => [element("div", name, "quiet"), element("pre", text)]);
}

function testItem(test, index) {
  const item = element("li");
  item.append(element("strong", test.name ?? `Test ${index + 1}`), verdictOf(test, test.verdict));
  if (!test.passed && test.expected !== undefined) item.append(element("div", "Expected", "quiet"), element("pre", test.expected));
  item.append(...streams(test));
  return item;
}

function showResult(job) {
  const parts = [element("h3", "Result")];
  if (!job.verdict) {
    parts.push(element("p", `${job.status}${job.reason ? `: ${job.reason}` : ""}`));
  } else {
    parts.push(verdictOf(job, job.verdict));
    if (job.compile && !job.compile.ok) parts.push(...streams(job.compile));
    else if (job.testCases) parts.push(element("ol"));
    else parts.push(...streams(job));
    if (job.testCases && parts.at(-1).tagName === "OL") parts.at(-1).append(...job.testCases.map(testItem));
    parts.push(element("p", `${job.toolchain}, isolation ${job.isolation}, job ${job.id}`, "quiet"));
  }
  at("result").replaceChildren(...parts);
  parts[0].scrollIntoView({ block: "nearest" });
}

// ---- the run

function setRunning(id, state) {
  running = id;
  at("run").disabled = id !== null;
  at("cancel").hidden = id === null || id === "";
  at("state").textContent = state;
}

async function run() {
  if (running !== null || !at("form").reportValidity()) return;
  setRunning("", "sending…");
  at("result").replaceChildren();
  try {
    let job = await ask("POST", "/execute", submission());
    while (!FINAL.includes(job.status)) {
      setRunning(job.id, `${job.status}…`);
      job = await ask("GET", `/job/${job.id}?wait=10`);
    }
    showResult(job);
    setRunning(null, "");
  } catch (error) {
    setRunning(null, error.message);
  }
}

async function cancel() {
  try {
    await ask("DELETE", `/job/${running}`);
  } catch (error) {
    at("state").textContent = error.message; // it has ended by itself
  }
}

// ---- the queues

function loadRow(queue) {
  const row = element("tr");
  const name = element("th", languages.find((language) => language.name === queue.language)?.displayName ?? queue.language);
  name.scope = "row";
  row.append(name, ...["executors", "waiting", "active", "completed", "failed"].map((field) => element("td", queue[field])));
  return row;
}

async function showLoad() {
  try {
    const load = await ask("GET", "/load");
    at("load").replaceChildren(...load.languages.map(loadRow));
    at("loaded").textContent = `${load.totalWaiting} waiting, ${load.totalActive} running at ${new Date(load.timestamp).toLocaleTimeString()}`;
  } catch (error) {
    at("loaded").textContent = error.message;
  }
}

async function showHealth() {
  try {
    const health = await (await fetch("/health")).json();
    at("health").textContent = health.error ? health.error.message : `${health.status}, version ${health.version}`;
  } catch {
    at("health").textContent = "the service does not answer";
  }
}

async function watch() {
  if (!document.hidden) await Promise.all([showLoad(), showHealth()]);
  setTimeout(watch, LOAD_MS);
}

at("language").addEventListener("change", showLanguage);
at("add").addEventListener("click", addCase);
at("cancel").addEventListener("click", cancel);
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
});
at("key").value = sessionStorage.getItem("key") ?? "";
at("key").addEventListener("change", () => {
  sessionStorage.setItem("key", at("key").value);
  if (!languages.length) start();
});

async function start() {
  try {
    await loadLanguages();
  } catch (error) {
    at("state").textContent = error.message;
  }
}
await start();
watch();
