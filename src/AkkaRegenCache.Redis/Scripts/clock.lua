-- The store's clock: microseconds since 1970 by Redis' own TIME.
-- Before version 5 a script that asks for the time may write only after this call; later versions do it anyway.
if redis.replicate_commands then redis.replicate_commands() end

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
