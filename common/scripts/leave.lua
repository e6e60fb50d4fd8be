#!lua flags=allow-oom
-- KEYS[1] is the registry. executor alive_ms. It counts as gone at once; what it said of itself is remembered.
redis.call('HSET', key('left'), ARGV[1], now_ms())
redis.call('ZADD', key('seen'), 'XX', now_ms() - tonumber(ARGV[2]) - 1, ARGV[1])
return 'ok'
