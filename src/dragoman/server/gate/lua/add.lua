-- A new key. KEYS: the key, the table hash -> name. ARGV: name, hash, requests a minute, quota, and of one that was
-- counted elsewhere before: characters used, Unix times at which it was made and its period began. Gives 0 if it is taken.
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return 0 end
local now = redis.call('TIME')[1]
redis.call('HSET', KEYS[1], 'hash', ARGV[2], 'per_minute', ARGV[3], 'quota', ARGV[4], 'used', ARGV[5] or 0,
    'created', ARGV[6] or now, 'period', ARGV[7] or now, 'allowance', ARGV[3], 'refilled', now)
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
return 1
