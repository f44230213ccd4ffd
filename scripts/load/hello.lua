dofile("scripts/load/common.lua")
function request() return wrk.format("GET", "/hello") end
