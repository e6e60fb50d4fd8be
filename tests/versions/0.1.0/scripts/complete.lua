#!lua flags=allow-oom
-- id token state verdict result reason → 'kept' or 'lost'. The same completion again is 'kept': its caller did not hear
-- our answer. Only a completion leaves the token in a final job, so nothing else can be taken for one.
local id, token, state, verdict, result, reason = unpack(ARGV)
local now = now_ms()
local current, held, tests = get(id, 'state', 'token', 'tests')
if held ~= token then
  return 'lost'
end
if current ~= 'running' then
  return 'kept'
end
if result ~= '' then
  redis.call('HSET', job_key(id), 'result', result)
end
if verdict ~= '' then
  count('verdict:' .. verdict)
end
if state == 'completed' then
  redis.call('HSET', job_key(id), 'done', tests or 0)
end
local minute = key('stats:minute:' .. math.floor(now / 60000))
redis.call('INCR', minute)
redis.call('PEXPIRE', minute, 300000)
finish(id, state, now, reason)
return 'kept'
