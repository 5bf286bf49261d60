exec node -e '
const fs = require("fs"), cp = require("child_process"), http = require("http"), { Worker } = require("worker_threads"), zlib = require("zlib"), crypto = require("crypto");
setImmediate(() => { console.log("immediate"); setTimeout(() => console.log("timer 40"), 40); setTimeout(() => console.log("timer 5"), 5); });
Promise.resolve().then(() => console.log("micro")); process.nextTick(() => console.log("tick"));
fs.writeFileSync("n.txt", "hello"); console.log(fs.readFileSync("n.txt", "utf8"), fs.statSync("n.txt").size, fs.readdirSync(".").length);
console.log(cp.execSync("echo child").toString().trim(), cp.spawnSync("sh", ["-c", "exit 5"]).status, crypto.createHash("sha256").update("x").digest("hex").slice(0, 8), zlib.gunzipSync(zlib.gzipSync("zip")).toString());
setTimeout(() => { fs.promises.readFile("n.txt").then(b => { console.log("async", b.length);
 const c = cp.spawn("cat"); c.stdout.on("data", d => console.log("cat", d.toString())); c.on("close", code => { console.log("closed", code);
  const s = http.createServer((q, r) => r.end("served " + q.url)).listen(0, "127.0.0.1", () => http.get({ port: s.address().port, path: "/p" }, r => { r.on("data", d => console.log(d.toString())); r.on("end", () => { s.close();
   const w = new Worker("require(\"worker_threads\").parentPort.postMessage(6 * 7)", { eval: true }); w.on("message", m => { console.log("worker", m); process.exitCode = 3; }); }); })); });
 c.stdin.end("to cat"); }); }, 120);
'
