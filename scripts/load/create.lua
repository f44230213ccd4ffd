dofile("scripts/load/common.lua")
function request()
    local body = string.format('{"name":"Load %d","description":"made by the load test"}', next_number())
    return wrk.format("POST", "/api/v1/fleet-coordination/federations", keyed(), body)
end
