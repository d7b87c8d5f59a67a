-- Shared code. It is put before each script, so that each is one script and one round trip.
--
-- An entry has up to three kinds of Redis keys, all with the entry's hash tag:
--   state   a hash: tokens, schedule, claim, failure; fields that a newer version may add are left alone
--     t token of the record          n newest token given out     d due at        i interval     a active until
--     x not due before               c claim's token              o its owner     l lease ends   u not to be stolen until
--     w somebody else waits for it   f token that failed          g error type    m message      b backs off until   k kept until
--   value   a string: the header (see RecordHeader.cs), then the value's bytes; a tombstone is a header alone
--   operation, one for each that is remembered: a string with the first answer
--
-- Times are microseconds since 1970 by Redis' clock, and like tokens they are well below 2^53, so that Lua's numbers are exact. They are
-- formatted with %.0f, because Lua's own way of writing large numbers loses digits.

local MAGIC = 'ARV\158'
local VERSION = 2
local HEADER = 64
local COMMON = 24
local LARGEST = 9007199254740992 - 1099511627776
local KEPT = 10000000

-- The label and the stale-until time, which no version sets yet.
local RESERVED = string.rep('\0', 16)

local NONE, READABLE, NEWER = 0, 1, 2
local FOREIGN_VALUE, NEWER_VALUE, WRONG_TYPE, FOREIGN_EPOCH = '1', '2', '3', '4'

local FIELDS = { 't', 'n', 'd', 'i', 'a', 'x', 'c', 'o', 'l', 'u', 'w', 'f', 'g', 'm', 'b', 'k' }
local TEXTS = { o = true, g = true, m = true }

local now = clock()

local function text(number) return string.format('%.0f', number) end

local function number(value)
  local n = value and tonumber(value)
  if not n or n ~= n or n < 0 or n > LARGEST then return 0 end
  return math.floor(n)
end

-- A key of the wrong type is another application's: our entry counts as missing. Any other error is an error.
local function allow_wrong_type(reply)
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err) end
end

local epoch_is_foreign = false

-- The id of the store's epoch; nil if there is none or it is not printable ASCII, as all ids are.
local function read_epoch(key)
  local id = redis.pcall('GET', key)
  if type(id) == 'string' and string.find(id, '^[!-~]+$') then return id end
  if type(id) == 'string' and id ~= '' or type(id) == 'table' and string.find(id.err, 'WRONGTYPE', 1, true) then epoch_is_foreign = true end
  return nil
end

-- The same. If it is missing, other keys may be lost as well, so a new epoch begins.
local function epoch(key, run)
  if not key then return '' end
  local id = read_epoch(key)
  if id then return id end
  id = run .. '-' .. text(now)
  local set = redis.pcall('SET', key, id)
  if set.err then return run .. '-unset' end
  return id
end

-- The warning about the epoch or else about an entry. Call it after epoch.
local function warning(s) return epoch_is_foreign and FOREIGN_EPOCH or s and s.warning or '' end

local function set(s, field, value)
  if s[field] == value then return end
  s[field] = value
  s.dirty[field] = true
end

local function end_claim(s)
  set(s, 'c', 0) set(s, 'o', false) set(s, 'l', 0) set(s, 'u', 0) set(s, 'w', 0)
end

local function forget_failure(s)
  set(s, 'f', 0) set(s, 'g', false) set(s, 'm', false) set(s, 'b', 0) set(s, 'k', 0)
end

local function look_at_value(s)
  local head = redis.pcall('GETRANGE', s.value_key, 0, HEADER - 1)
  if type(head) ~= 'string' then
    allow_wrong_type(head)
    s.warning = WRONG_TYPE
    return
  end
  if head == '' then return end
  s.warning = FOREIGN_VALUE
  if #head < COMMON or string.sub(head, 1, 4) ~= MAGIC then return end
  local version, flags, length, token, ends = struct.unpack('<BBHi8i8', head, 5)
  if version < VERSION or token <= 0 or token > LARGEST or ends < 0 or ends > LARGEST then return end
  if version > VERSION or flags > 1 then
    -- Another version, or an unknown flag of this one. A reader that does not know a flag must not use the record.
    s.kind, s.value_token, s.warning = NEWER, token, NEWER_VALUE
    return
  end
  if #head < HEADER or length < HEADER then return end
  local due, interval, active = struct.unpack('<i8i8i8', head, 25)
  if due < 0 or due > LARGEST or interval < 0 or interval > LARGEST or active < 0 or active > LARGEST then return end
  s.kind, s.value_token, s.ends, s.removed, s.warning = READABLE, token, ends, flags == 1, ''
  s.value_due, s.value_interval, s.value_active, s.value_at = due, interval, active, length
end

-- Reads the whole state of an entry.
local function load(state_key, value_key)
  local s = { state_key = state_key, value_key = value_key, dirty = {}, kind = NONE, warning = '', ends = 0, removed = false }
  local fields = redis.pcall('HMGET', state_key, unpack(FIELDS))
  if fields.err then
    allow_wrong_type(fields)
    s.wrong_state = true
    fields = {}
  end
  for i, field in ipairs(FIELDS) do
    if TEXTS[field] then s[field] = fields[i] or false else s[field] = number(fields[i]) end
  end

  look_at_value(s)
  if s.wrong_state then s.warning = WRONG_TYPE end
  if s.kind ~= NONE and s.value_token > s.t then
    -- The state was evicted, or a newer version keeps it elsewhere. The value's header repeats its token, and a change ends an older claim.
    set(s, 't', s.value_token)
    if s.c <= s.t then end_claim(s) end
    if s.f <= s.t then forget_failure(s) end
    if s.kind == READABLE then
      set(s, 'd', s.value_due) set(s, 'i', s.value_interval) set(s, 'a', math.max(s.a, s.value_active))
    end
  end
  set(s, 'n', math.max(s.n, s.t, s.c))
  s.has = s.kind == READABLE and s.value_token == s.t and s.ends > now
  s.fresh = s.has and not s.removed
  return s
end

local function next_token(s)
  set(s, 'n', math.max(s.n + 1, now))
  return s.n
end

-- Everything expires: each key has a time to live. The schedule outlives the value while the key is active.
local function save(s)
  local fields, gone = {}, {}
  for field in pairs(s.dirty) do
    local value = s[field]
    if value == false or value == 0 then
      gone[#gone + 1] = field
    else
      fields[#fields + 1] = field
      fields[#fields + 1] = TEXTS[field] and value or text(value)
    end
  end
  if #fields == 0 and #gone == 0 then return end

  if s.wrong_state then redis.call('DEL', s.state_key) end
  if #fields > 0 then redis.call('HMSET', s.state_key, unpack(fields)) end
  if #gone > 0 then redis.call('HDEL', s.state_key, unpack(gone)) end
  local needed = math.max(now + KEPT, s.ends, s.l, s.k)
  if s.d ~= 0 then needed = math.max(needed, s.a) end
  redis.call('PEXPIRE', s.state_key, text(math.ceil((needed - now) / 1000)))
end

local function prolong_activity(s, time)
  if s.d ~= 0 and time > s.a then set(s, 'a', time) end
end

-- The next target is the first time on the grid that is far enough ahead. An existing grid goes on, otherwise it starts again.
local function schedule(s, interval, minimum_forward, active_for, keep_grid)
  local previous = keep_grid and s.d or 0
  local active = math.max(0, now + active_for)
  set(s, 'a', keep_grid and math.max(s.a, active) or active)
  if interval <= 0 then
    set(s, 'd', 0)
    return
  end
  local first = now + interval
  if previous ~= 0 and interval == s.i then first = previous end
  local earliest = math.max(now + minimum_forward, now + 1)
  local steps = 0
  if first < earliest then steps = math.floor((earliest - first + interval - 1) / interval) end
  set(s, 'd', first + steps * interval)
  set(s, 'i', interval)
end

-- Accepts a value or, if nil, a tombstone. The value is written first: if there is no memory for it, nothing is changed.
local function accept(s, value, token, ends)
  local left = math.ceil((ends - now) / 1000)
  if left > 0 then
    local header = MAGIC .. struct.pack('<BBHi8i8i8i8i8', VERSION, value and 0 or 1, HEADER, token, ends, s.d, s.i, s.a) .. RESERVED
    redis.call('SET', s.value_key, header .. (value or ''), 'PX', text(left))
  else
    redis.call('DEL', s.value_key)
  end
  s.ends, s.removed, s.value_at = math.max(0, ends), value == nil, HEADER
  set(s, 't', token)
  set(s, 'n', math.max(s.n, token))
  set(s, 'x', 0)
  end_claim(s)
  forget_failure(s)
end

local function holds_live_claim(s, token) return s.c ~= 0 and s.c == token and s.l > now end

-- Appends: removed, token, fresh for, due in, active for, and the value if there is one.
local function add_record(reply, s)
  reply[#reply + 1] = s.removed and '1' or '0'
  reply[#reply + 1] = text(s.t)
  reply[#reply + 1] = text(s.ends - now)
  reply[#reply + 1] = s.d ~= 0 and text(s.d - now) or ''
  reply[#reply + 1] = text(s.a - now)
  if not s.removed then reply[#reply + 1] = redis.call('GETRANGE', s.value_key, s.value_at, -1) end
  return reply
end

local function recall(key)
  local first = redis.pcall('GET', key)
  if type(first) == 'string' then return first end
  if type(first) == 'table' then allow_wrong_type(first) end
  return nil
end

local function remember(key, answer) redis.call('SET', key, answer, 'PX', text(KEPT / 1000)) end

-- The answer to a change, in the form that is remembered.
local function accepted(s)
  return '1 ' .. text(s.t) .. ' ' .. (s.d ~= 0 and text(s.d - now) or '-') .. ' ' .. text(s.a - now)
end

-- Whether a delayed change is superseded: something newer than its node's tokens came after it was asked for.
local function has_lost(s, observed, is_retry, asked_ago)
  return is_retry == '1' and s.t > math.max(tonumber(observed), now - tonumber(asked_ago))
end

local function superseded(s) return '0 ' .. text(s.t) .. ' - 0' end
