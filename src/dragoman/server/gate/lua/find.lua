-- KEYS: the table hash -> name. ARGV: what names of keys begin with, and a hash; without one, all are given.
-- Gives rows of hash, name, created, per_minute, quota, used, period.
local found = {}
local hashes = ARGV[2] and {ARGV[2]} or redis.call('HKEYS', KEYS[1])
for _, hash in ipairs(hashes) do
    local name = redis.call('HGET', KEYS[1], hash)
    if name then
        local row = redis.call('HMGET', ARGV[1] .. name, 'created', 'per_minute', 'quota', 'used', 'period')
        found[#found + 1] = {hash, name, unpack(row)}
    end
end
return found
