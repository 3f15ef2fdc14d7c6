-- One request with a key: `counted` of counts.py, by this clock. KEYS: the key. ARGV: characters, seconds of a period.
-- Gives 200, or 403 (removed), 429 or 456, then requests a minute, the quota, and the seconds to wait.
local row = redis.call('HMGET', KEYS[1], 'per_minute', 'quota', 'used', 'period', 'allowance', 'refilled')
if not row[1] then return {403, 0, 0, 0} end
local time = redis.call('TIME')
local now, second = time[1] + time[2] / 1e6, tonumber(time[1])
local characters, month = tonumber(ARGV[1]), tonumber(ARGV[2])
local per_minute, quota, used = tonumber(row[1]), tonumber(row[2]), tonumber(row[3])
local period = math.min(tonumber(row[4]), second)
local allowance = math.min(per_minute, row[5] + math.max(0, now - row[6]) * per_minute / 60)
if now - period >= month then used, period = 0, second end
local status, wait = 200, 0
if quota > 0 and used + characters > quota then
    status = 456
elseif per_minute > 0 and allowance < 1 then
    status, wait = 429, 1 + math.floor((1 - allowance) * 60 / per_minute)
else
    used = used + characters
    if per_minute > 0 then allowance = allowance - 1 end
end
redis.call('HSET', KEYS[1], 'used', string.format('%.0f', used), 'period', string.format('%.0f', period),
    'allowance', string.format('%.17g', allowance), 'refilled', string.format('%.17g', now))
return {status, per_minute, quota, wait}
