#!lua flags=allow-oom
-- id token done event → 'kept', 'lost' or 'cancelled'. The event list is bounded and ends with its job.
local id, token, done, event = unpack(ARGV)
local state = lease_state(id, token)
if state == 'lost' then
  return state
end
redis.call('HSET', job_key(id), 'done', done)
if event ~= '' then
  local events = job_key(id) .. ':events'
  redis.call('RPUSH', events, event)
  redis.call('LTRIM', events, -1000, -1)
  redis.call('PEXPIRE', events, math.max(1, redis.call('PTTL', job_key(id))))
end
return state
