-- Characters counted elsewhere meanwhile, once, however often it is told. KEYS: the key, a mark of this count.
-- ARGV: how many.
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('SET', KEYS[2], 1, 'NX', 'EX', 3600) then
    redis.call('HINCRBY', KEYS[1], 'used', ARGV[1])
end
return 1
