package session

import "github.com/redis/go-redis/v9"

// Each script touches one key, so that it runs in a cluster as well. A key that
// holds something of another type is treated as absent.

// swapScript replaces ARGV[1] by ARGV[2]; empty stands for absent.
var swapScript = redis.NewScript(`
local current = redis.pcall('GET', KEYS[1])
if type(current) == 'table' and not string.find(current.err, 'WRONGTYPE') then
  return current
end
if type(current) ~= 'string' then
  current = ''
end
if current ~= ARGV[1] and (current == '' or current ~= ARGV[2]) then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
`)

// addScript adds a member that counts for ARGV[2] milliseconds. The index lives
// as long as its longest member.
var addScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl = tonumber(ARGV[2])
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
  redis.call('DEL', KEYS[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ttl), ARGV[1])
if redis.call('PTTL', KEYS[1]) < ttl then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
`)

// takeScript is [Rate.take] in microseconds: ARGV is Every and Burst.
var takeScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local every, span = tonumber(ARGV[1]), tonumber(ARGV[1]) * tonumber(ARGV[2])
local stored = redis.pcall('GET', KEYS[1])
if type(stored) == 'table' and not string.find(stored.err, 'WRONGTYPE') then
  return stored
end
local full = type(stored) == 'string' and tonumber(stored) or now
if not (full >= now and full <= now + span) then
  full = now
end
local next = full + every
if next - span > now then
  return math.ceil(next - span - now)
end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
return 0
`)
