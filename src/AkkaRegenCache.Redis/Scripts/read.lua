-- Reads a record. KEYS: state, value, epoch. ARGV: run.
local s = load(KEYS[1], KEYS[2])
local reply = { epoch(KEYS[3], ARGV[1]), warning(s) }
if s.has then add_record(reply, s) end
return reply
