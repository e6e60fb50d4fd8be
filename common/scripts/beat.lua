#!lua flags=allow-oom
-- KEYS[1] is the registry. executor info. Of those that are gone, the 256 seen last are remembered.
local now = now_ms()
redis.call('HSET', base, ARGV[1], ARGV[2])
redis.call('HDEL', key('left'), ARGV[1])
redis.call('ZADD', key('seen'), now, ARGV[1])
local excess = redis.call('ZCARD', key('seen')) - 256
if excess > 0 then
  local gone = redis.call('ZRANGEBYSCORE', key('seen'), '-inf', now - 3600000, 'LIMIT', 0, excess)
  for _, executor in ipairs(gone) do
    redis.call('HDEL', base, executor)
    redis.call('HDEL', key('left'), executor)
    redis.call('ZREM', key('seen'), executor)
  end
end
return 'ok'
