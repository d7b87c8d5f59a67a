-- Called once for each connection: whether the store's epoch began under this server process. Another process may have lost data.
-- KEYS: epoch. ARGV: a random number of the asking node, whether to begin a new epoch in any case.
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
-- Garnet reports this beside the version of Redis that it emulates.
local garnet = type(info) == 'string' and string.match(info, 'garnet_version:([%w.]+)') or ''
local id = read_epoch(KEYS[1])
if ARGV[2] == '1' or not id or string.sub(id, 1, #server + 1) ~= server .. '-' then
  redis.pcall('SET', KEYS[1], server .. '-' .. ARGV[1] .. '-' .. text(now))
end
local run = server .. '-' .. ARGV[1]
return { run, epoch(KEYS[1], run), warning(), garnet }
