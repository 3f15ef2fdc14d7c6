-- KEYS: the key, the table hash -> name. Gives 0 if there is none.
local hash = redis.call('HGET', KEYS[1], 'hash')
if not hash then return 0 end
redis.call('HDEL', KEYS[2], hash)
return redis.call('DEL', KEYS[1])
