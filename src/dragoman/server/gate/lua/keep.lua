-- Room for a file that has been written: the oldest go. KEYS: names by time, sizes by name.
-- ARGV: what names of files begin with, name, bytes, seconds that it is kept, room in bytes.
local now, kept = tonumber(redis.call('TIME')[1]), tonumber(ARGV[4])
local function forget(name)
    redis.call('DEL', ARGV[1] .. name)
    redis.call('ZREM', KEYS[1], name)
    redis.call('HDEL', KEYS[2], name)
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - kept)) do forget(name) end
-- Of a clock that was set back since: counted from now on, instead of staying while what is newer goes.
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
    redis.call('ZADD', KEYS[1], now, name)
    redis.call('EXPIRE', ARGV[1] .. name, kept)
end
local total = tonumber(ARGV[3])
for _, size in ipairs(redis.call('HVALS', KEYS[2])) do total = total + size end
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if total <= tonumber(ARGV[5]) then break end
    total = total - redis.call('HGET', KEYS[2], name)
    forget(name)
end
redis.call('ZADD', KEYS[1], now, ARGV[2])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], kept)
redis.call('EXPIRE', KEYS[2], kept)
return 1
