-- Renews claims, never shortening one. KEYS: the states, then epoch. ARGV: run, lease, the claims' tokens.
local lease, count = tonumber(ARGV[2]), #ARGV - 2
local reply = { epoch(KEYS[count + 1], ARGV[1]), warning() }
for i = 1, count do
  local fields = redis.pcall('HMGET', KEYS[i], 'c', 'l')
  if fields.err then
    allow_wrong_type(fields)
    fields = {}
  end
  local claim, ends = number(fields[1]), number(fields[2])
  if claim == 0 or claim ~= tonumber(ARGV[i + 2]) or ends <= now then
    reply[i + 2] = '0'
  else
    local until_then = math.max(ends, now + lease)
    if until_then > ends then
      redis.call('HSET', KEYS[i], 'l', text(until_then))
      local left = math.ceil((until_then - now) / 1000)
      if redis.call('PTTL', KEYS[i]) < left then redis.call('PEXPIRE', KEYS[i], text(left)) end
    end
    reply[i + 2] = '1'
  end
end
return reply
