dofile("scripts/load/common.lua")
function request() return wrk.format("GET", os.getenv("READ_PATH"), headers) end
