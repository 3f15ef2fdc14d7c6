-- Characters counted elsewhere meanwhile. KEYS: the key. ARGV: how many.
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], 'used', ARGV[1]) end
return 1
