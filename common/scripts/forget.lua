#!lua flags=allow-oom
-- KEYS[1] is the registry. gone_ms → how many executors were forgotten, because they were not seen for so long.
local gone = redis.call('ZRANGEBYSCORE', key('seen'), '-inf', now_ms() - tonumber(ARGV[1]))
for _, executor in ipairs(gone) do
  redis.call('HDEL', base, executor)
  redis.call('HDEL', key('left'), executor)
  redis.call('ZREM', key('seen'), executor)
end
return #gone
