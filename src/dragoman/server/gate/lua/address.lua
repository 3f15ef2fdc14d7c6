-- One request of an address. KEYS: its bucket. ARGV: requests a minute. Gives 0, or the seconds to wait.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local pace = tonumber(ARGV[1])
local room = math.max(1, pace)
local kept = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = math.min(room, (kept[1] or room) + math.max(0, now - (kept[2] or now)) * pace / 60)
local wait = 0
if left < 1 then wait = math.max(1, math.ceil((1 - left) * 60 / pace)) else left = left - 1 end
redis.call('HSET', KEYS[1], 'left', string.format('%.17g', left), 'at', string.format('%.17g', now))
redis.call('EXPIRE', KEYS[1], math.ceil(room * 60 / pace) + 1)  -- full again by then, as one that is not there
return wait
