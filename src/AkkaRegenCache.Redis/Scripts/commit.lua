-- Accepts the result of a generation, under its live claim only. KEYS: state, value, operation, epoch.
-- ARGV: run, token, epoch of the claim or nothing, fresh for, interval (0: none), minimum forward, active for, value; and, for an
-- announcement (see NotificationFormat.cs): channel, publisher and number in their wire form, key in its wire form, whether to send the
-- value.
local FRESH, RELEASED = 1, 5
local WITH_VALUE, WITH_DUE = 1, 2

-- As .NET writes lengths and numbers: seven bits in each byte, low ones first.
local function seven_bits(number)
  local bytes = {}
  repeat
    local low = number % 128
    number = math.floor(number / 128)
    bytes[#bytes + 1] = string.char(number > 0 and low + 128 or low)
  until number == 0
  return table.concat(bytes)
end

local function ticks(micros) return seven_bits(math.max(0, micros) * 10) end

-- The number of receivers of the announcement, or its error; nothing if there is no announcement.
local told = ''

local function announce(kind, flags, token, rest)
  if not ARGV[9] then return end
  local id = epoch(KEYS[4], ARGV[1])
  -- A user without permission for the channel, which is the default, still stores. Nodes find the change when they compare.
  local listeners = redis.pcall(
    'PUBLISH', ARGV[9], string.char(166, 2, kind, flags) .. ARGV[10] .. seven_bits(#id) .. id .. ARGV[11] .. seven_bits(token) .. rest)
  told = type(listeners) == 'number' and text(listeners) or listeners.err
end

local first = recall(KEYS[3])
if first then return { epoch(KEYS[4], ARGV[1]), warning(), first } end

local s = load(KEYS[1], KEYS[2])
local token = tonumber(ARGV[2])
local claim_epoch = KEYS[4] and ARGV[3] ~= '' and ARGV[3] or false
if not holds_live_claim(s, token) or claim_epoch and claim_epoch ~= epoch(KEYS[4], ARGV[1]) then
  -- Release remote waiters: this claim will not be committed.
  announce(RELEASED, 0, token, '')
  return { epoch(KEYS[4], ARGV[1]), warning(s), superseded(s), told }
end

schedule(s, tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), true)
local answer
if s.kind == NEWER then
  -- The value of a newer version stays. The run was not in vain: its node keeps the value in memory.
  set(s, 'x', 0)
  end_claim(s)
  forget_failure(s)
  answer = '1 ' .. text(token) .. ' ' .. (s.d ~= 0 and text(s.d - now) or '-') .. ' ' .. text(s.a - now)
else
  accept(s, ARGV[8], token, now + tonumber(ARGV[4]))
  answer = accepted(s)
end
save(s)
remember(KEYS[3], answer)
local has_value, has_due = ARGV[12] == '1', s.d ~= 0
announce(FRESH, (has_value and WITH_VALUE or 0) + (has_due and WITH_DUE or 0), token,
  ticks(tonumber(ARGV[4])) .. ticks(s.a - now) .. (has_due and ticks(s.d - now) or '')
  .. (has_value and seven_bits(#ARGV[8]) .. ARGV[8] or ''))
return { epoch(KEYS[4], ARGV[1]), warning(s), answer, told }
