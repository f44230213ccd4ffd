dofile("scripts/load/common.lua")
-- Every request asks for a minute of its own of one of 64 resources, all in one federation.
function request()
    local number = next_number()
    local starts = tonumber(os.getenv("BASE_TIME")) + math.floor(number / 64) * 60
    local body = string.format(
        '{"source_fleet_id":"load-lender","target_fleet_id":"load-borrower","resource_type":"charger",' ..
        '"resource_id":"charger-%d","duration":60,"priority":"normal","starts_at":"%s"}',
        number % 64, os.date("!%Y-%m-%dT%H:%M:%SZ", starts))
    return wrk.format("POST", "/api/v1/fleet-coordination/resource-sharing", keyed(), body)
end
