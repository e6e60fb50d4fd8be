#!lua flags=allow-oom
-- id executor text keep_ms → 'ok': what an executor says about an errand, in place of what it said before.
local answers = key('errand:' .. ARGV[1])
redis.call('HSET', answers, ARGV[2], ARGV[3])
redis.call('PEXPIRE', answers, ARGV[4])
return 'ok'
