-- Prolongs the activity of keys. KEYS: state and value of each, then epoch. ARGV: run, active for of each.
local count = #ARGV - 1
for i = 1, count do
  local s = load(KEYS[2 * i - 1], KEYS[2 * i])
  -- A touch does not create an entry.
  if s.t ~= 0 then
    prolong_activity(s, now + tonumber(ARGV[i + 1]))
    save(s)
  end
end
return { epoch(KEYS[2 * count + 1], ARGV[1]), warning() }
