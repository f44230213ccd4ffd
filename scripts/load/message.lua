dofile("scripts/load/common.lua")
-- Each message goes from one fleet to another, every pair in turn: at most 10,000 may stay unanswered of a pair, and
-- 100,000 of a fleet, and nothing may be refused for that. With ROUND the recipient acknowledges each as soon as it is
-- accepted. Sent without an Idempotency-Key, as the queues beside it are not asked to know a message again either.
local path = "/api/v1/fleet-coordination/messages"
local fleets, accepted, round, federation = {}, {}, os.getenv("ROUND"), os.getenv("FEDERATION")
local text = string.rep("m", 67)
if round then steps = 2 end

function prepare()
    for key in os.getenv("KEYS"):gmatch("%S+") do
        table.insert(fleets, { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. key })
    end
end

local function acknowledge(message)
    return wrk.format("POST", path .. "/" .. message.id .. "/acknowledge", fleets[message.target + 1])
end

function request()
    local message = table.remove(accepted)
    if message then return acknowledge(message) end
    counter = counter + 1
    -- wrk has two threads, and each its half of the senders.
    local number = counter * 2 + thread_id
    local source = number % #fleets
    local target = (source + 1 + math.floor(number / #fleets) % (#fleets - 1)) % #fleets
    local body = string.format(
        '{"federation_id":"%s","source_fleet_id":"load-%d","target_fleet_id":"load-%d","message_type":"dock.ready",' ..
        '"message_content":{"number":%12d,"text":"%s"}}',
        federation, source, target, number, text)
    return wrk.format("POST", path, fleets[source + 1], body)
end

if round then
    function response(status, _, body)
        if status ~= 201 then return end
        local target = body:match('"target_fleet_id":"load%-(%d+)"')
        table.insert(accepted, { id = body:match('"message_id":"([^"]+)"'), target = tonumber(target) })
    end
end
