-- wrk's script: posts the file named by BENCH_BODY; prints latencies in µs and what was not answered well, as JSON.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
wrk.body = file:read("*a")
file:close()

local wanted = os.getenv("BENCH_STATUS")
bad = 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function response(status)
  if tostring(status) ~= wanted then
    bad = bad + 1
  end
end

function done(summary, latency)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  for _, thread in ipairs(threads) do
    errors = errors + thread:get("bad")
  end
  io.write(string.format('\nRESULT {"answers":%d,"us":%d,"p50":%d,"p95":%d,"p99":%d,"errors":%d}\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99), errors))
end
