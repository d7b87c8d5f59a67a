-- Leaves a tombstone. KEYS: state, value, operation, life. ARGV: run, how long the tombstone is kept.
local first = recall(KEYS[3])
if first then return { life(KEYS[4], ARGV[1]), '', first } end

local s = load(KEYS[1], KEYS[2])
set(s, 'd', 0)
set(s, 'a', 0)
accept(s, nil, next_token(s), now + tonumber(ARGV[2]))
save(s)
local answer = accepted(s)
remember(KEYS[3], answer)
return { life(KEYS[4], ARGV[1]), s.warning, answer }
