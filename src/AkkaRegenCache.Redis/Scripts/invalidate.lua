-- Leaves a tombstone. KEYS: state, value, operation, epoch.
-- ARGV: run, observed token, whether it is a retry, asked how long ago, how long the tombstone is kept.
local first = recall(KEYS[3])
if first then return { epoch(KEYS[4], ARGV[1]), warning(), first } end

local s = load(KEYS[1], KEYS[2])
local answer
if has_lost(s, ARGV[2], ARGV[3], ARGV[4]) then
  answer = superseded(s)
else
  set(s, 'd', 0)
  set(s, 'a', 0)
  accept(s, nil, next_token(s), now + tonumber(ARGV[5]))
  save(s)
  answer = accepted(s)
end
remember(KEYS[3], answer)
return { epoch(KEYS[4], ARGV[1]), warning(s), answer }
