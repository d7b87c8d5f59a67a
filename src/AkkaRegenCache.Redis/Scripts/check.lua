-- Tells tokens. KEYS: state and value of each, then life. ARGV: run, number of keys.
local count = tonumber(ARGV[2])
local reply = { life(KEYS[2 * count + 1], ARGV[1]), warning() }
for i = 1, count do
  local s = load(KEYS[2 * i - 1], KEYS[2 * i])
  if s.warning ~= '' then reply[2] = warning(s) end
  reply[i + 2] = s.has and ((s.removed and '1' or '0') .. text(s.t)) or '-'
end
return reply
