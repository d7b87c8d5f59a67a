-- Claims the right to generate. KEYS: state, value, operation, epoch.
-- ARGV: run, owner, lease, reason (0 miss, 1 due, 2 refresh), observed token, awaited token, active for, steal from ('=' and a name, or
-- nothing).
local MISS, DUE, REFRESH = '0', '1', '2'
local owner, lease, reason = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local observed, awaited, active_for, steal_from = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]

local first = recall(KEYS[3])
if first then return { epoch(KEYS[4], ARGV[1]), warning(), 'granted', first } end

local s = load(KEYS[1], KEYS[2])
local reply = { epoch(KEYS[4], ARGV[1]), warning(s) }
local function add(...)
  for _, part in ipairs({ ... }) do reply[#reply + 1] = part end
  save(s)
  return reply
end

-- Stored only if it adds a quarter to the known activity, as with touches: a new node that finds a value writes nothing.
if active_for > 0 and now + active_for - s.a > active_for / 4 then prolong_activity(s, now + active_for) end

-- A fresh value answers a miss, even if the last run for the next one failed.
local answers_miss = reason == MISS and s.fresh and s.t >= observed
if reason == DUE then
  if s.x > now then return add('backoff', '0', text(s.x - now)) end
elseif not answers_miss and s.f ~= 0 and s.k > now then
  -- Callers that waited for this run share its failure. A refresh shares it only if the run began after its call.
  local shares = awaited ~= 0 and s.f >= awaited and (reason ~= REFRESH or s.f > observed)
  local backs_off = reason == MISS and s.b or 0
  if shares or backs_off > now then
    return add('backoff', text(s.f), text(math.max(0, backs_off - now)), s.g or '', s.m or '')
  end
end

local fresh = answers_miss
if reason == REFRESH then
  fresh = s.fresh and observed ~= 0 and s.t > observed
elseif reason == DUE and s.has then
  fresh = not (s.d ~= 0 and s.d <= now and s.a > now)
elseif reason == DUE then
  fresh = active_for <= 0 and s.a <= now
end
if fresh then
  add('fresh')
  if s.has then add_record(reply, s) end
  return reply
end

local is_live = s.c ~= 0 and s.l > now
if is_live and not (steal_from == '=' .. (s.o or '') and now >= s.u) then
  if s.o ~= owner and reason ~= DUE then set(s, 'w', 1) end
  return add('held', text(s.c), s.o or '', text(s.l - now))
end

-- A stolen claim can't be stolen again within its first lease. Otherwise two suspicious nodes would starve the key.
set(s, 'c', next_token(s))
set(s, 'o', owner)
set(s, 'l', math.max(0, now + lease))
set(s, 'u', is_live and s.l or 0)
set(s, 'w', 0)
add('granted', text(s.c))
remember(KEYS[3], text(s.c))
return reply
