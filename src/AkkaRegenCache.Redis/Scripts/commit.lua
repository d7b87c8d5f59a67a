-- Takes the result of a generation, under its live claim only. KEYS: state, value, operation, life.
-- ARGV: run, token, fresh for, interval (0: none), minimum forward, active for, the value.
local first = recall(KEYS[3])
if first then return { life(KEYS[4], ARGV[1]), '', first } end

local s = load(KEYS[1], KEYS[2])
local token = tonumber(ARGV[2])
if not holds_live_claim(s, token) then return { life(KEYS[4], ARGV[1]), s.warning, superseded(s) } end

schedule(s, tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), true)
local answer
if s.kind == NEWER then
  -- A newer version's value stays. The run was not for nothing: the node that made it keeps the value in its memory.
  set(s, 'x', 0)
  end_claim(s)
  forget_failure(s)
  answer = '1 ' .. text(token) .. ' ' .. (s.d ~= 0 and text(s.d - now) or '-') .. ' ' .. text(s.a - now)
else
  accept(s, ARGV[7], token, now + tonumber(ARGV[3]))
  answer = accepted(s)
end
save(s)
remember(KEYS[3], answer)
return { life(KEYS[4], ARGV[1]), s.warning, answer }
