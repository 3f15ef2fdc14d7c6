-- What tells one filling of a Redis from another. KEYS: the mark. ARGV: a new one. Gives the one that is there, or is now.
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
