dofile("scripts/load/common.lua")
-- Every request asks for ten seconds of its own of one of so many units, all in one federation.
local unit, units = os.getenv("UNIT"), tonumber(os.getenv("UNITS"))
function request()
    local number = next_number()
    local starts = tonumber(os.getenv("BASE_TIME")) + math.floor(number / units) * 10
    local body = string.format(
        '{"source_fleet_id":"load-lender","target_fleet_id":"load-borrower","resource_type":"charger",' ..
        '"resource_id":"%s-%d","duration":10,"priority":"normal","starts_at":"%s"}',
        unit, number % units, os.date("!%Y-%m-%dT%H:%M:%SZ", starts))
    return wrk.format("POST", "/api/v1/fleet-coordination/resource-sharing", keyed(), body)
end
