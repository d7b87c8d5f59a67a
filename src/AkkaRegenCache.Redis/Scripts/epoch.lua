-- Asked once for each connection: whether this is the server process under which the store's epoch began. Another one may have lost something.
-- KEYS: epoch. ARGV: a random number of the asking node, whether a new epoch shall begin in any case.
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
-- Garnet says so beside the version of Redis that it stands in for.
local garnet = type(info) == 'string' and string.match(info, 'garnet_version:([%w.]+)') or ''
local id = read_epoch(KEYS[1])
if ARGV[2] == '1' or not id or string.sub(id, 1, #server + 1) ~= server .. '-' then
  redis.pcall('SET', KEYS[1], server .. '-' .. ARGV[1] .. '-' .. text(now))
end
local run = server .. '-' .. ARGV[1]
return { run, epoch(KEYS[1], run), warning(), garnet }
