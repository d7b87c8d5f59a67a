-- Returns tokens. KEYS: state and value of each key, then epoch. ARGV: run, number of keys.
--
-- Nodes compare all their entries, so this is kept short: for a regular entry two fields are enough; any other one is loaded in full.
local function told(state_key, value_key)
  local head = redis.pcall('GETRANGE', value_key, 0, HEADER - 1)
  if head == '' then return '-' end
  if type(head) ~= 'string' or #head < HEADER or string.sub(head, 1, 4) ~= MAGIC then return nil end
  local version, flags, length, token, ends = struct.unpack('<BBHi8i8', head, 5)
  if version ~= VERSION or flags > 1 or length < HEADER or ends <= now then return nil end
  local stored = redis.pcall('HMGET', state_key, 't')[1]
  if not stored or number(stored) ~= token then return nil end
  return flags .. stored
end

local count = tonumber(ARGV[2])
local reply = { epoch(KEYS[2 * count + 1], ARGV[1]), warning() }
for i = 1, count do
  local state_key, value_key = KEYS[2 * i - 1], KEYS[2 * i]
  local answer = told(state_key, value_key)
  if not answer then
    local s = load(state_key, value_key)
    if s.warning ~= '' then reply[2] = warning(s) end
    answer = s.has and ((s.removed and '1' or '0') .. text(s.t)) or '-'
  end
  reply[i + 2] = answer
end
return reply
