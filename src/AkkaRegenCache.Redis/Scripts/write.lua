-- Sets a value. KEYS: state, value, operation, epoch.
-- ARGV: run, observed token, whether it is a retry, asked how long ago, fresh for, interval (0: none), minimum forward, active for, the
-- value.
local first = recall(KEYS[3])
if first then return { epoch(KEYS[4], ARGV[1]), warning(), first } end

local s = load(KEYS[1], KEYS[2])
local answer
if has_lost(s, ARGV[2], ARGV[3], ARGV[4]) then
  answer = superseded(s)
else
  schedule(s, tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), false)
  accept(s, ARGV[9], next_token(s), now + tonumber(ARGV[5]))
  answer = accepted(s)
  save(s)
end

-- Even if it was superseded: its first try may still be under way and must not win.
remember(KEYS[3], answer)
return { epoch(KEYS[4], ARGV[1]), warning(s), answer }
