-- Shared by the load scripts: the key, a counter a thread, and the percentiles that are printed at the end. Where one
-- thing takes several requests, `steps` says how many: the rate is of things, the percentiles are of requests.
local threads = 0

function setup(thread)
    thread:set("thread_id", threads)
    threads = threads + 1
end

function init(args)
    counter = 0
    headers = { ["Authorization"] = "Bearer " .. os.getenv("API_KEY"), ["Content-Type"] = "application/json" }
    if prepare then prepare() end
end

function next_number()
    counter = counter + 1
    return counter * 8 + thread_id
end

function keyed()
    local copy = {}
    for name, value in pairs(headers) do copy[name] = value end
    copy["Idempotency-Key"] = string.format("load-%s-%012d", os.getenv("RUN_ID"), next_number())
    return copy
end

function done(summary, latency, requests)
    local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
    io.write(string.format("RESULT %.1f %.2f %.2f %.2f %d\n",
        summary.requests / (steps or 1) / (summary.duration / 1000000), latency:percentile(50) / 1000,
        latency:percentile(95) / 1000, latency:percentile(99) / 1000, errors))
end
