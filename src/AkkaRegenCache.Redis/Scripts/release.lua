-- Ends a claim without a result. KEYS: state, value, operation, epoch.
-- ARGV: run, token, whether only an uncontended one, backoff, due backoff, and where it failed: error type, message.
local first = recall(KEYS[3])
if first then return { epoch(KEYS[4], ARGV[1]), warning(), first } end

local s = load(KEYS[1], KEYS[2])
local token = tonumber(ARGV[2])
local reply = { epoch(KEYS[4], ARGV[1]), warning(s), '1' }
if s.c == 0 or s.c ~= token then return reply end
if ARGV[3] == '1' and s.w ~= 0 and s.l > now then
  reply[3] = '0'
  return reply
end

end_claim(s)
local backoff, due_backoff = tonumber(ARGV[4]), tonumber(ARGV[5])
if ARGV[6] then
  set(s, 'f', token)
  set(s, 'g', ARGV[6])
  set(s, 'm', ARGV[7])
  set(s, 'b', math.max(0, now + backoff))
  set(s, 'k', now + math.max(KEPT, backoff))
end
if due_backoff > 0 then set(s, 'x', now + due_backoff) end
save(s)
remember(KEYS[3], '1')
return reply
